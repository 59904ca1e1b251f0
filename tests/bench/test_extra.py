"""The common job of the extra opponents: what it is, that the lane of our engine does it, and who is left out."""

from collections.abc import Sequence

import msgspec
import pytest

from loadtest.bench_floor import Expected, WrongResult
from loadtest.extra import run as extra
from loadtest.extra.job import REMEMBERED, Stays, Unit, decode_read, differing, expected
from loadtest.extra.jobs import RULES, STAYS, job
from loadtest.extra.ours import new_lane
from loadtest.extra.rows import ROWS, NotHere, Row
from loadtest.extra.told import Timed, measurements, table
from loadtest.load import Profile, ScanRecord, by_partition, scans
from services.adapters.wire import UnitChanged, VisitRow
from services.core.instant import format_instant
from services.topology import MARK_KEY, MARKER_KEY

START = 1_795_413_600_000_000


def read(number: int, place: str, second: int, *, event_id: str = "") -> bytes:
    what = f'"action": "{place}"' if place == "complete" else f'"read_point_id": "{place}"'
    time = format_instant(START + second * 1_000_000)
    return f'{{"event_id": "{event_id or number}", "unit_id": "U", {what}, "event_time": "{time}"}}'.encode()


def stays(*values: bytes) -> list[bytes]:
    return expected((b"U", value) for value in values).get(b"U", [])


def told(operation: str, seq: int, arrived: int, departed: int, outcome: str, late: int = 0) -> bytes:
    at, left = START + arrived * 1_000_000, START + departed * 1_000_000
    return (
        f'{{"unit_id":"U","visit_seq":{seq},"operation_id":"{operation}","arrived_us":{at},"departed_us":{left},'
        f'"dwell_us":{left - at},"outcome":"{outcome}","late":{late}}}'
    ).encode()


def test_a_stay_ends_by_departing_by_arriving_elsewhere_and_by_completion() -> None:
    assert stays(
        read(1, "A.arrive", 0), read(2, "A.depart", 5), read(3, "B.start", 7), read(4, "C.finish", 9),
        read(5, "complete", 12),
    ) == [told("A", 0, 0, 5, "moved"), told("B", 1, 7, 9, "moved"), told("C", 2, 9, 12, "completed")]  # fmt: skip


def test_a_read_where_the_unit_is_or_a_departure_from_elsewhere_ends_nothing() -> None:
    assert stays(read(1, "A.arrive", 0), read(2, "A.start", 3), read(3, "B.depart", 4), read(4, "complete", 6)) == [
        told("A", 0, 0, 6, "completed")
    ]


def test_a_scan_that_comes_twice_counts_once() -> None:
    # The second one would be a new stay at A.
    again = read(1, "A.arrive", 5, event_id="same"), read(1, "A.arrive", 5, event_id="same")
    assert stays(again[0], read(2, "A.depart", 5), again[1], read(3, "complete", 6)) == [told("A", 0, 5, 5, "moved")]


def test_a_scan_older_than_the_newest_is_only_counted() -> None:
    assert stays(read(1, "A.arrive", 5), read(2, "B.arrive", 4), read(3, "complete", 6)) == [
        told("A", 0, 5, 6, "completed", late=1)
    ]


def test_a_unit_remembers_so_many_ids() -> None:
    unit = Unit()
    for number in range(REMEMBERED + 3):
        unit.take(decode_read(read(number, "A.start", number)))
    assert unit.seen == [str(number) for number in range(3, REMEMBERED + 3)]


@pytest.fixture(scope="module")
def load() -> tuple[Profile, Sequence[ScanRecord]]:
    profile = Profile.read("quick", {"events": 4_000, "in_process": 200})
    return profile, scans(profile)


def test_the_lane_of_our_engine_does_the_job_in_frames(load: tuple[Profile, Sequence[ScanRecord]]) -> None:
    profile, records = load
    found: Stays = {}
    for partition, part in enumerate(by_partition(profile, records)):
        lane = new_lane(partition)
        for at in range(0, len(part), 100):
            effects, _ = lane.fold(part[at : at + 100], 0, part[at : at + 100][-1].offset)
            for key, value, _ in effects.outputs:
                if key is not None and key != MARK_KEY:
                    found.setdefault(key, []).append(value)
    assert found
    assert differing(found, expected((record.key, record.value) for record in records)) == []


def test_a_stay_that_lacks_differs_or_is_too_much_is_seen() -> None:
    wanted = {b"A": [b"1"], b"B": [b"2"], b"C": [b"3"]}
    assert differing({b"B": [b"2", b"2"], b"C": [b"4"], b"D": [b"5"]}, wanted) == [b"A", b"B", b"C", b"D"]


async def test_no_figure_of_a_row_counts_once_its_output_was_wrong(
    monkeypatch: pytest.MonkeyPatch, load: tuple[Profile, Sequence[ScanRecord]]
) -> None:
    came: list[str] = []

    async def timed(row: Row, profile: Profile, records: Sequence[ScanRecord], wanted: extra.Wanted) -> Timed:
        came.append(row.name)
        if row.name == "quix" and came.count("quix") == 2:
            raise WrongResult("other stays")
        if row.name == "pathway":
            raise NotHere("pathway is not installed")
        return figures(row.name, 1.0)

    monkeypatch.setattr(extra, "timed", timed)
    chosen = [row for row in ROWS if row.name in ("track", "quix", "pathway")]
    runs, wrong = await extra.rounds(chosen, load[0], 3)
    assert ([run.name for run in runs], wrong, came.count("pathway")) == (["track"] * 3, ["quix"], 1)


def figures(name: str, cpu_s: float) -> Timed:
    return Timed(name, STAYS, 100_000, cpu_s, 2.0, 2 * cpu_s, 0, 0.0)


def test_the_ratio_is_to_the_median_of_ours() -> None:
    found = measurements([figures("track", 1.0), figures("track", 2.0), figures("track", 4.0), figures("quix", 4.0)])
    ratio = next(each for each in found if each.name == "quix.ratio_to_track")
    assert ratio[:2] == ("quix.ratio_to_track", 0.5)


def test_the_table_has_a_line_for_whoever_ran() -> None:
    row = next(row for row in ROWS if row.name == "bare_aiokafka")
    lines = table([row, *ROWS], measurements([figures("track", 1.0)])).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| track"]


def test_the_rules_as_a_keyed_operator_come_to_the_visits_of_the_fold(
    load: tuple[Profile, Sequence[ScanRecord]],
) -> None:
    profile, records = load
    work, kept = job(RULES), dict[bytes, bytes]()
    found: dict[tuple[str, int], VisitRow] = {}
    for record in records:
        if record.key == MARKER_KEY:
            continue
        unit = work.load(kept[record.key]) if record.key in kept else work.new()
        came = record.partition, record.offset, record.timestamp, record.headers
        sent = work.take(unit, record.value, came)
        kept[record.key] = work.dump(unit)
        if sent is not None:
            told = msgspec.json.decode(sent, type=UnitChanged)
            found.update({(told.unit_id, row.visit_seq): row for row in told.visits})
            for seq in told.deleted:
                found.pop((told.unit_id, seq), None)
    assert found == Expected(profile, records).visits
