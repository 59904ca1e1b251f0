"""The alerts that show knows: which record counts, what is listed first, what has changed, names of the plant model."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from schemas.alerts import Alert as Contract
from schemas.message import validated
from schemas.plant_alerting import Measure, Priority
from services.adapters.alerts_feed import deliver
from services.adapters.kafka_follow import Record
from services.core import roster
from services.core.equipment import PlantModel
from services.core.message_words import ACTIONS
from services.show.alerts import ALL, OPEN, PRIORITIES, Alerts, Asked
from services.show.handler import Board
from services.show.screens import Phone, Wall
from services.topology import ALIVE_KEY, EPOCH_KEY
from tests.alerts import EPOCH, acknowledged, alert
from tests.show_floor import MINUTE, PARTITIONS, SECOND, T0, document, give, model, operation, plant


def given(*written: Mapping[str, Any], alerts: Alerts | None = None) -> Alerts:
    """Alerts after these records of partition 0."""
    known = alerts or Alerts(PARTITIONS)
    for offset, record in enumerate(written):
        deliver(known, 0, Record(offset, record["alert_id"].encode(), json.dumps(record).encode()))
    return known


def ids(alerts: Alerts, state: str = OPEN, **asked: str) -> list[str]:
    return [found["alert_id"] for found in alerts.listed(Asked(state, **asked))]


def test_what_the_builders_make_is_of_the_contract() -> None:
    for written in (alert(), acknowledged()):
        validated(Contract, written)


def test_the_most_urgent_comes_first_and_of_one_priority_the_oldest() -> None:
    known = given(
        alert("A", priority="low"),
        alert("B", priority="high", raised_us=T0 - MINUTE),
        alert("C", priority="high", raised_us=T0 - 5 * MINUTE),
        alert("D", priority="critical", raised_us=T0),
    )
    assert ids(known) == ["wip_limit|D", "wip_limit|C", "wip_limit|B", "wip_limit|A"]


def test_every_priority_has_its_place() -> None:
    assert set(PRIORITIES) == {priority.value for priority in Priority}


def test_open_ones_are_listed_unless_others_are_asked_for() -> None:
    known = given(alert("A"), alert("B", state="normal"), acknowledged(subject="C"))
    assert ids(known) == ["wip_limit|A", "wip_limit|C"]
    assert ids(known, "normal") == ["wip_limit|B"]
    assert len(ids(known, ALL)) == 3
    assert ids(known, operation="C") == ["wip_limit|C"]


def test_a_record_of_a_lower_epoch_counts_for_nothing() -> None:
    known = given(alert(epoch=EPOCH), alert(epoch=EPOCH - 1, version=9, state="normal"))
    assert known.listed()[0]["version"] == 1


def test_an_epoch_record_ends_the_epochs_before_it() -> None:
    known = given(alert(epoch=3))
    deliver(known, 0, Record(20, EPOCH_KEY, b""))
    given(alert(epoch=3, version=2), alerts=known)
    assert known.listed()[0]["version"] == 1
    given(alert(epoch=20, version=2), alerts=known)
    assert known.listed()[0]["version"] == 2


def test_another_partitions_epoch_does_not_matter() -> None:
    known = given(alert(epoch=3))
    deliver(known, 1, Record(20, EPOCH_KEY, b""))
    given(acknowledged(epoch=3), alerts=known)
    assert known.listed()[0]["version"] == 2


@pytest.mark.parametrize("value", [b"{", b'{"alert_id": "wip_limit|A"}', b"\xff"])
def test_a_record_that_nobody_can_read_is_passed_over(value: bytes) -> None:
    known = given(alert())
    deliver(known, 0, Record(5, b"wip_limit|A", value))
    assert known.listed()[0]["version"] == 1


def test_pending_limits_are_no_alerts() -> None:
    known = Alerts(PARTITIONS)
    deliver(known, 0, Record(0, b"\x00pending|wip_limit|A", b'{"alert_id": "wip_limit|A", "epoch": 1}'))
    assert known.listed() == []


def test_an_alert_that_the_log_has_no_longer_is_gone() -> None:
    known = given(alert())
    deliver(known, 0, Record(5, b"wip_limit|A", None))
    assert known.listed(Asked(ALL)) == []


def test_a_log_that_began_anew_is_believed_from_its_start() -> None:
    known = given(alert(epoch=900))
    known.forget(0)
    assert known.listed() == []
    given(alert(epoch=0), alerts=known)
    assert len(known.listed()) == 1


def test_only_what_changed_is_told() -> None:
    known = given(alert("A"), alert("B"))
    told = known.version
    given(acknowledged(subject="B"), alerts=known)
    assert [a["alert_id"] for a in known.changed_since(told) or []] == ["wip_limit|B"]
    assert known.changed_since(known.version) == []


def test_a_new_plant_model_tells_everything_again() -> None:
    known = given(alert("A"))
    told = known.version
    known.take_model(with_teams())
    assert known.changed_since(told) is None


def with_teams() -> PlantModel:
    """A plant where team T1 has work center X1, and rule R sends to T2."""
    rule = {"id": "R", "name": {"en": "Queue", "zh": "队列"}, "team": "T2", "action": {"en": "Help", "zh": "支援"}}
    teams = [
        {
            "id": team,
            "name": {"en": team, "zh": f"{team} 班"},
            "work_centers": centers,
            "members": [{"id": "li", "name": "李明"}],
        }
        for team, centers in (("T1", ["X1"]), ("T2", []))
    ]
    return PlantModel.from_document({**document({"A": {}}), "alerting": {"rules": [rule]}, "teams": teams})


def test_an_alert_is_told_with_the_names_of_the_plant_model() -> None:
    known = given(alert("A"), acknowledged("li", subject="A", rule="R"))
    known.take_model(with_teams())
    by_rule = {found["rule_id"]: found for found in known.listed()}
    for rule, told in by_rule.items():
        assert told["teams"] == [team["id"] for team in roster.teams(with_teams(), rule, "A")]
    assert (by_rule["wip_limit"]["teams"], by_rule["R"]["teams"]) == (["T1"], ["T2"])
    assert by_rule["R"]["rule_name"] == {"en": "Queue", "zh": "队列"}
    assert by_rule["R"]["to_do"] == {"en": "Help", "zh": "支援"}
    assert by_rule["R"]["acknowledged_by_name"] == "李明"
    assert ids(known, team="T2") == ["R|A"]


@pytest.mark.parametrize("measure", Measure)
def test_where_the_rule_does_not_say_what_to_do_it_is_what_messages_say(measure: Measure) -> None:
    [told] = given(alert("A", measure=measure.value)).listed()
    assert told["to_do"] == {language: ACTIONS[measure.value][language] for language in ("en", "zh")}


def test_what_the_plant_model_does_not_have_is_called_by_its_id() -> None:
    known = given(alert("Z", rule="gone"))
    known.take_model(with_teams())
    [found] = known.listed()
    assert (found["subject_name"]["zh"], found["teams"], found["rule_name"]) == ("Z", [], None)


def test_what_is_the_stages_own_business_is_not_told() -> None:
    [found] = given(alert()).listed()
    assert not {"epoch", "action_offset"} & found.keys()


def test_the_wall_has_the_alerts_beside_the_operations() -> None:
    board, known = Board(PARTITIONS), Alerts(PARTITIONS)
    board.take_model(model({"A": {}}))
    wall = Wall(board, known)
    wall.changes(T0)
    given(alert("A"), alerts=known)
    assert [a["alert_id"] for a in wall.snapshot(T0)["alerts"]] == ["wip_limit|A"]
    changes = wall.changes(T0)
    assert changes is not None
    assert [a["alert_id"] for a in changes["alerts"]] == ["wip_limit|A"]
    assert wall.changes(T0) == {**wall.heartbeat(T0), "plant": None, "operations": [], "work_units": [], "alerts": []}


def test_a_phone_is_not_told_that_a_unit_moved_on() -> None:
    board, known = Board(PARTITIONS), Alerts(PARTITIONS)
    phone = Phone(board, known)
    told = phone.version
    give(board, operation("A", queued=1))
    assert phone.version == told
    given(alert("A"), alerts=known)
    assert phone.version != told


def sign(alerts: Alerts, partition: int, as_of_us: int, epoch: int = EPOCH) -> None:
    """A sign of life of the stage that judges the partition."""
    said = (("epoch", str(epoch).encode()), ("as_of", str(as_of_us).encode()))
    deliver(alerts, partition, Record(7, ALIVE_KEY, None, said))


def test_alerts_are_judged_up_to_what_is_judged_least_far() -> None:
    known = Alerts(PARTITIONS)
    sign(known, 0, T0)
    assert known.judged_until_us() is None
    sign(known, 1, T0 - SECOND)
    assert known.judged_until_us() == T0 - SECOND
    sign(known, 1, T0 + SECOND)
    assert known.judged_until_us() == T0


def test_the_sign_of_a_former_owner_counts_for_nothing() -> None:
    known = Alerts(1)
    sign(known, 0, T0, epoch=9)
    sign(known, 0, T0 + SECOND, epoch=8)
    assert known.judged_until_us() == T0
    known.forget(0)
    assert known.judged_until_us() is None


@pytest.mark.parametrize("as_of", [b"", b"x", b"-1", b"9" * 99])
def test_a_sign_that_nobody_can_read_is_none(as_of: bytes) -> None:
    known = Alerts(1)
    deliver(known, 0, Record(7, ALIVE_KEY, None, (("epoch", b"1"), ("as_of", as_of))))
    assert known.judged_until_us() is None


def test_a_phone_knows_up_to_when_alerts_are_judged_by_what_is_known() -> None:
    board, known = Board(PARTITIONS), Alerts(PARTITIONS)
    phone = Phone(board, known)
    for partition in range(PARTITIONS):
        sign(known, partition, T0)
    assert phone.heartbeat(T0)["confirmed_us"] is None
    give(board, plant(T0 - 40 * SECOND))
    assert phone.heartbeat(T0)["confirmed_us"] == T0 - 40 * SECOND
    give(board, plant(T0 + SECOND))
    assert phone.heartbeat(T0)["confirmed_us"] == T0
