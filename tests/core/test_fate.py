"""The fate of an event: a table over logs of the reference cases, and every case against the fold without the event."""

from collections.abc import Container
from dataclasses import dataclass

import pytest

from services.core.fate import Delivery, EventFate, How, Marker, Target, What, fate_of
from services.core.instant import parse_instant
from services.core.log import LogFold
from services.core.text import clean
from services.core.unit import flag_names
from tests.product import event, plant_models, run, unit_rows, visit_rows
from tests.reference.case import Case, Row, events, plant
from tests.reference.cases import CASES

PARTITION = 3


def deliveries(
    log: list[Row], unit_id: str, judged: int | None = None, late: Container[int] = ()
) -> list[Marker | Delivery]:
    """The records of a unit as the store has them; from offset `judged` on no mark covers them."""
    entries: list[Marker | Delivery] = []
    for offset, record in enumerate(log):
        if "model" in record:
            entries.append(Marker(record["model"]))
        elif clean(record["unit_id"]) == unit_id:
            recorded = parse_instant(record.get("recorded_time", "2027-01-01T00:00:00Z"))
            entries.append(
                Delivery(
                    (PARTITION, offset), clean(record["event_id"]), str(record.get("source", "kafka")), recorded,
                    event(record), judged is None or offset < judged, too_late=offset in late,
                )
            )  # fmt: skip
    return entries


def fate(
    log: list[Row], models: dict[int, Row], event_id: str, unit_id: str = "U", late: Container[int] = ()
) -> EventFate:
    """What became of the event."""
    return fate_of(event_id, deliveries(log, unit_id, late=late), plant_models(models), lambda unit: True)


@dataclass(frozen=True)
class Expected:
    """A log, the event asked for, and its fate; `visits` as `how seq operation flag|flag`, one a line."""

    name: str
    log: str
    event_id: str
    what: What
    visits: str = ""
    records: str = "accepted"
    accepted: int = 1
    final: bool = False
    voided_by: str = ""
    target: Target | None = None
    model: Row | None = None


NEAR = plant(history_events=3)
TABLE = [
    Expected("the first arrival opens a visit", "0 arrive A", "e1", What.ACCEPTED, "opened 1 A -"),
    Expected(
        "an arrival elsewhere closes and opens", "0 arrive A \n 1 arrive B", "e2", What.ACCEPTED,
        "closed 1 A implied_depart|implied_finish \n opened 2 B -", accepted=2,
    ),
    Expected("a second arrival is a repeat",
             "0 arrive A \n 1 arrive A", "e2", What.REPEAT, "repeated 1 A -", accepted=2),
    Expected(
        "a repeat that names another quantity changes it", "0 arrive A \n 1 arrive A q=2", "e2", What.ACCEPTED,
        "repeated 1 A -", accepted=2,
    ),
    Expected("a depart from elsewhere is a stray", "0 arrive A \n 1 depart B", "e2", What.STRAY, accepted=2),
    Expected("a finish of a queued unit implies its start", "0 arrive A \n 1 finish A", "e2", What.ACCEPTED,
             "changed 1 A implied_start", accepted=2),
    Expected(
        "an earlier arrival that comes late makes this one a repeat", "1 arrive A \n 0 arrive A", "e1", What.REPEAT,
        "repeated 1 A -",
    ),
    Expected("the late one opened the visit",
             "1 arrive A \n 0 arrive A", "e2", What.ACCEPTED, "opened 1 A -", accepted=2),
    Expected("a depart that was a stray until its arrival came", "1 depart A \n 0 arrive A", "e1", What.ACCEPTED,
             "closed 1 A implied_finish"),
    Expected(
        "a voided event", "0 arrive A \n 1 arrive B \n 1 void voids=e2", "e2", What.VOIDED, accepted=2, voided_by="e3"
    ),
    Expected("its void", "0 arrive A \n 1 arrive B \n 1 void voids=e2", "e3", What.VOID, accepted=3,
             target=Target.TAKEN_OUT),
    Expected("a void before its target",
             "1 void voids=e2 \n 1 arrive A", "e2", What.VOIDED, accepted=2, voided_by="e1"),
    Expected("a void that names nothing", "0 arrive A \n 1 void voids=zz", "e2", What.VOID, accepted=2,
             target=Target.UNKNOWN),
    Expected("a void of a void", "0 arrive A \n 0 void voids=e1 \n 0 void voids=e2", "e3", What.VOID, accepted=3,
             target=Target.IS_VOID),
    Expected("a retry is a duplicate of the first", "0 arrive A id=x \n 0 arrive A id=x", "x", What.ACCEPTED,
             "opened 1 A -", records="accepted duplicate@1"),
    Expected("other content under the same id conflicts", "0 arrive A id=x \n 0 start A id=x", "x", What.ACCEPTED,
             "opened 1 A -", records="accepted conflicting_duplicate@1"),
    Expected("an unknown operation is refused", "0 arrive NOWHERE", "e1", What.REFUSED,
             records="unknown_operation", accepted=0),
    Expected("refused, then taken in after the cure",
             "0 arrive C id=x \n model 2 \n 0 arrive C id=x", "x", What.ACCEPTED,
             "opened 1 C -", records="unknown_operation accepted", model=plant("A B", {})),
    Expected("behind the edge the effect is final", "0 arrive A \n 1 start A \n 2 finish A \n 3 depart A", "e1",
             What.ACCEPTED, "opened 1 A -", final=True, model=NEAR),
    Expected("too late", "0 arrive A \n 1 start A \n 2 finish A \n 3 depart A \n 0 arrive B", "e5", What.REFUSED,
             records="too_late", accepted=0, model=NEAR),
    Expected("a retry of what is final is too late, the event stays accepted",
             "0 arrive A id=x \n 1 start A \n 2 finish A \n 3 depart A \n 0 arrive A id=x", "x", What.ACCEPTED,
             "opened 1 A -", records="accepted too_late@1", final=True, model=NEAR),
    Expected("voided, and then final",
             "0 arrive A id=x \n 0 void voids=x \n 1 arrive A \n 2 start A \n 3 finish A", "x",
             What.VOIDED, final=True, voided_by="e2", model=NEAR),
    Expected("a void that came after its target was final",
             "0 arrive A id=x \n 1 start A \n 2 finish A \n 3 depart A \n 4 void voids=x", "e5", What.VOID, accepted=5,
             target=Target.FINAL, model=NEAR),
    Expected("what such a void names stands",
             "0 arrive A id=x \n 1 start A \n 2 finish A \n 3 depart A \n 4 void voids=x",
             "x", What.ACCEPTED, "opened 1 A -", final=True, model=NEAR),
    Expected("an id used again after the first was final is another event",
             "0 arrive A id=x \n 1 start A \n 2 finish A \n 3 depart A \n 4 arrive B id=x", "x", What.ACCEPTED,
             "opened 2 B -", records="accepted accepted", accepted=5, model=NEAR),
    Expected("adjusting a unit that was never seen opens nothing", "0 adjust delta=5", "e1", What.ACCEPTED),
    Expected("scrap closes", "0 arrive A \n 1 scrap", "e2", What.ACCEPTED, "closed 1 A -", accepted=2),
    Expected("a hold of a held unit is a repeat", "0 arrive A \n 1 hold \n 2 hold", "e3", What.REPEAT, "repeated 1 A -",
             accepted=3),
]  # fmt: skip


def told_records(found: EventFate) -> str:
    """The records in the table's words; `@` the offset of the first."""
    words = []
    for told in found.records:
        word = str(told.what) if told.refusal is None else str(told.refusal.reason)
        words.append(word if told.first is None else f"{word}@{told.first[1]}")
    return " ".join(words)


def told_visits(found: EventFate) -> list[str]:
    """The visits in the table's words."""
    changes = found.effect.changes if found.effect else ()
    return [
        f"{change.how} {change.visit.seq} {change.visit.operation} {'|'.join(flag_names(change.flags)) or '-'}"
        for change in changes
    ]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_the_fate_of_an_event(row: Expected) -> None:
    log = [{"model": 1}, *events(row.log)]
    found = fate(log, {1: row.model or plant(), 2: plant()}, row.event_id)
    assert found.what == row.what
    assert told_records(found) == row.records
    assert told_visits(found) == [line.strip() for line in row.visits.splitlines() if line.strip()]
    assert (found.accepted, found.final) == (row.accepted, row.final)
    assert (" ".join(found.voided_by), found.target) == (row.voided_by, row.target)


def fold(case: Case, log: list[Row]) -> LogFold:
    """The product's fold of a log."""
    return run(case.models, log)[0]


@pytest.mark.parametrize("case", [case for case in CASES if case.is_set], ids=lambda case: case.name)
def test_a_fate_is_the_difference_between_the_fold_with_and_without_the_event(case: Case) -> None:
    whole = fold(case, case.log)
    for unit_id, event_id in {(clean(r["unit_id"]), r["event_id"]) for r in case.log if "model" not in r}:
        found = fate(case.log, case.models, event_id, unit_id)
        without = fold(case, [r for r in case.log if r.get("event_id") != event_id or clean(r["unit_id"]) != unit_id])
        rows = [[{**row, "repeats": 0} for row in visit_rows(each)] for each in (whole, without)]
        names_product = found.scan is not None and found.scan.product is not None  # a repeat and a stray name it too
        if found.what is What.VOIDED or (found.what in (What.REPEAT, What.STRAY) and not names_product):
            assert rows[0] == rows[1], event_id
        if found.what is What.STRAY:
            strays = [sum(row["strays"] for row in unit_rows(each)) for each in (whole, without)]
            assert strays[0] == strays[1] + 1, event_id
        if any(change.how is How.OPENED for change in (found.effect.changes if found.effect else ())):
            opened = {row["visit_id"] for row in rows[0]}
            assert event_id in opened, event_id


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_record_of_a_case_has_its_verdict_and_its_visits(case: Case) -> None:
    whole, verdicts = run(case.models, case.log)
    by_offset = dict(zip((n for n, r in enumerate(case.log) if "model" not in r), verdicts, strict=True))
    late = {offset for offset, verdict in by_offset.items() if verdict[1] == "too_late"}
    opened = {(row["unit_id"], row["visit_id"]) for row in visit_rows(whole)}
    for unit_id, event_id in {(clean(r["unit_id"]), r["event_id"]) for r in case.log if "model" not in r}:
        found = fate(case.log, case.models, event_id, unit_id, late)
        for told in found.records:
            kind, reason = by_offset[told.delivery.at[1]]
            assert (told.refusal and str(told.refusal.reason)) == reason, event_id
            assert reason or str(told.what) == kind, event_id
        changes = found.effect.changes if found.effect else ()
        if any(change.how is How.OPENED for change in changes):
            assert (unit_id, event_id) in opened


def test_what_no_mark_covers_is_pending_and_changes_nothing_yet() -> None:
    log = [{"model": 1}, *events("0 arrive A id=x \n 0 arrive A id=x")]
    found = fate_of("x", deliveries(log, "U", judged=1), plant_models({1: plant()}), lambda unit: True)
    assert (found.what, told_records(found)) == (What.PENDING, "pending pending")


def test_a_record_in_another_partition_was_forwarded() -> None:
    log = [{"model": 1}, *events("0 arrive A id=x")]
    found = fate_of("x", deliveries(log, "U"), plant_models({1: plant()}), lambda unit: False)
    assert (found.what, told_records(found)) == (What.FORWARDED, "forwarded")
