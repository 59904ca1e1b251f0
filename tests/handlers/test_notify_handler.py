"""Which records of floor.alerts are told, and as what."""

from services.adapters.notify_wire import counted
from services.core.equipment import PlantModel
from services.core.notices import NOBODY, Resolve, Tell
from services.notify.handler import Desk
from services.topology import EPOCH_KEY, PENDING_PREFIX
from tests.notify_alerts import PLANT, Stored, plant, record, returned, stored


async def model(version: int) -> PlantModel:
    return plant(PLANT, version)


def desk(*channels: str) -> Desk:
    return Desk(counted, model, channels.__contains__)


async def test_a_raised_alert_is_told_to_everybody_it_concerns() -> None:
    steps, epoch = await desk("robot").plan([stored(record(epoch=5))], -1)
    told = {(s.recipient.key, s.facts.kind, s.state) for s in steps if isinstance(s, Tell)}
    assert told == {
        ("robot", "firing", "waiting"), ("zhang-phone|zhang", "firing", "no_channel"), ("hook", "firing", "no_channel"),
    }  # fmt: skip
    assert epoch == 5


async def test_what_is_not_worth_a_call_is_not_told_but_its_end_is_known() -> None:
    quiet = [record(notify=False), record(notify=False, change="updated", version=2)]
    steps, _ = await desk().plan([*map(stored, quiet), stored(returned(notify=False, version=3))], -1)
    assert [(type(step), step.call) for step in steps if isinstance(step, Resolve)] == [(Resolve, False)]
    assert len(steps) == 1


async def test_an_alert_that_concerns_nobody_is_told_to_nobody_and_that_is_recorded() -> None:
    steps, _ = await desk("robot").plan([stored(record(subject_id="L3.OP10"))], -1)
    assert [(s.recipient, s.state) for s in steps if isinstance(s, Tell)] == [(NOBODY, "nobody")]


async def test_records_of_a_lower_epoch_and_of_no_alert_are_passed_over() -> None:
    records = [
        Stored(7, EPOCH_KEY, b"{}"),
        stored(record(epoch=6)),
        Stored(9, PENDING_PREFIX + b"a", b"{}"),
        Stored(10, b"gone", None),
    ]
    assert await desk("robot").plan(records, 3) == ([], 7)


async def test_what_nobody_can_read_is_said_and_does_not_hold_up_the_rest() -> None:
    here = desk("robot")
    broken = [Stored(1, b"a", b"{"), Stored(2, b"b", b'{"alert_id": "\\u0000"}')]
    steps, _ = await here.plan([*broken, stored(record(), 3)], -1)
    assert steps
    assert [text.split(":")[0] for text in here.refused] == ["floor.alerts offset 1", "floor.alerts offset 2"]
