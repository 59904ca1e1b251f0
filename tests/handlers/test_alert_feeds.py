"""What alert follows beside its partitions: work units, the newest state counts; the sign of life of aggregate."""

import json

import pytest

from services.adapters.kafka_whole_log import LogRecord
from services.alert.feeds import BEHIND_US, SILENT_US, Counted, Heartbeat, WorkUnits
from services.settings import KafkaSettings

NOW = 1_764_000_000_000_000
KAFKA = KafkaSettings("localhost:1", True, 1, 4, 2, 6)


class Clock:
    """Says what it is told."""

    now = NOW

    def now_us(self) -> int:
        """The test's time."""
        return self.now


class AtEnd:
    """A log of which everything has been read, or not."""

    def __init__(self, at_end: bool) -> None:
        self.at_end = at_end


def heart(at_end: bool) -> tuple[Heartbeat, Clock]:
    clock = Clock()
    found = Heartbeat(KAFKA, clock)
    found._log = AtEnd(at_end)  # type: ignore[assignment]
    return found, clock


def sign(as_of: int) -> bytes:
    return json.dumps({"as_of_us": as_of}).encode()


def test_without_a_sign_of_life_it_is_not_alive() -> None:
    assert not heart(at_end=True)[0].alive


def test_a_sign_counts_from_when_it_came_whatever_clock_it_was_made_by() -> None:
    found, clock = heart(at_end=True)
    found._hear(sign(NOW - 9 * SILENT_US))
    clock.now += SILENT_US
    assert found.alive
    clock.now += 1
    assert not found.alive


@pytest.mark.parametrize(("age", "alive"), [(0, True), (SILENT_US, True), (SILENT_US + 1, False)])
def test_a_sign_from_before_we_came_counts_by_its_own_time(age: int, alive: bool) -> None:
    found, _ = heart(at_end=False)
    found._hear(sign(NOW - age))
    assert found.alive is alive


def test_it_is_missing_only_when_there_was_time_to_hear_it() -> None:
    found, clock = heart(at_end=True)
    assert not found.missing
    clock.now += SILENT_US + 1
    assert found.missing


def test_a_sign_nobody_can_read_is_none() -> None:
    found, _ = heart(at_end=True)
    found._hear(b"{")
    assert not found.alive


def test_scans_that_wait_to_be_counted_make_states_old() -> None:
    found, clock = heart(at_end=True)
    found._hear(sign(NOW))
    found._counted.take_ends({0: 5}, NOW)
    clock.now += BEHIND_US
    assert (found.alive, found.counted) == (True, False)
    clock.now += 1
    assert not found.alive
    found._hear(json.dumps({"as_of_us": NOW, "coverage": {"0": [1, 4]}}).encode())
    assert found.alive


def test_a_log_that_grows_is_behind_only_while_what_was_there_is_not_counted() -> None:
    counted = Counted()
    for second in range(100):
        counted.take_ends({0: second, 1: 0}, NOW + second)
        counted.take_coverage({0: second - 3})
        assert counted.waiting_us(NOW + second) <= 4


def test_what_waits_longest_counts() -> None:
    counted = Counted()
    counted.take_ends({0: 5, 1: 9}, NOW)
    counted.take_coverage({1: 8})
    counted.take_ends({0: 50, 1: 90}, NOW + 7)
    assert counted.waiting_us(NOW + 10) == 10


def work_unit(offset: int, condition: str, generation: int = 1) -> LogRecord:
    value = {
        "work_unit_id": "M", "generation": generation, "partition": 0, "offset": offset, "condition": condition,
        "since_us": NOW, "newest_event_us": NOW,
    }  # fmt: skip
    return LogRecord(offset, b"M", json.dumps(value).encode())


def test_the_newest_state_of_a_work_unit_counts_not_the_latest_to_arrive() -> None:
    units = WorkUnits(KAFKA)
    for record in (work_unit(5, "down"), work_unit(4, "running"), LogRecord(6, b"M", None), LogRecord(7, b"M", b"{")):
        units._take(record)
    assert {name: state.condition for name, state in units.changed.items()} == {"M": "down"}
    units._take(work_unit(0, "running", generation=2))
    assert units.states["M"].condition == "running"
