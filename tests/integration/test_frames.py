"""Frames on a real broker: whatever ends or moves a worker, the state it leaves equals an offline fold."""

import random
import signal
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.adapters.frame_replay import EPOCH_KEY, PREFIX, encoded_mark
from tests.integration.frame_floor import FrameFloor
from tests.parts import until

SCANS = 12_000
BROKEN = 70


@pytest.fixture
async def floor(fresh_broker: str, broker_choice: str, tmp_path: Path) -> AsyncIterator[FrameFloor]:
    floor = FrameFloor(fresh_broker, f"frames-{uuid.uuid4().hex[:8]}", tmp_path, broker_choice != "embedded")
    await floor.create()
    yield floor
    floor.end()


async def test_three_kills_at_random_lose_and_double_nothing(floor: FrameFloor) -> None:
    await floor.produce(SCANS, seed=1)
    choose = random.Random(7)
    for _ in range(3):
        worker = floor.start()
        await floor.until_committed(min(SCANS, await floor.committed() + choose.randrange(500, 2_500)))
        worker.kill()
        worker.wait()
    floor.start()
    await floor.until_committed(SCANS)
    assert (await floor.state())[0] == floor.folded()


async def test_a_second_worker_that_comes_and_goes_loses_and_doubles_nothing(floor: FrameFloor) -> None:
    await floor.produce(SCANS, seed=2)
    floor.start()
    await floor.until_committed(1_000)
    second = floor.start()
    await floor.until_said("[^FrameWorker]: Ready")
    await floor.produce(SCANS, seed=3)
    await floor.until_committed(SCANS + 1_000)
    second.send_signal(signal.SIGTERM)
    assert await floor.until_ended(second) == 0
    await floor.until_committed(2 * SCANS)
    assert (await floor.state())[0] == floor.folded()


async def test_a_stop_that_was_asked_for_ends_with_zero_and_everything_acknowledged_committed(
    floor: FrameFloor,
) -> None:
    await floor.produce(1_000, seed=4)
    worker = floor.start()
    await floor.until_committed(1)
    worker.send_signal(signal.SIGTERM)
    assert await floor.until_ended(worker) == 0
    _, marks = await floor.state()
    assert await floor.committed() == sum(mark + 1 for mark in marks.values())


async def stopped_state(floor: FrameFloor) -> None:
    """A first owner has folded 1,000 records and is gone."""
    await floor.produce(1_000, seed=5)
    worker = floor.start()
    await floor.until_committed(1_000)
    worker.send_signal(signal.SIGTERM)
    await floor.until_ended(worker)


async def test_what_a_former_owner_wrote_late_counts_for_nothing_at_recovery(floor: FrameFloor) -> None:
    await stopped_state(floor)
    key, _, partition = floor.sent[0]
    (former,) = await floor.epochs(partition)
    late = PREFIX.pack(former) + b"[999, 999]"
    await floor.append(floor.changelog, partition, [(EPOCH_KEY, PREFIX.pack(0)), (key, late)])
    floor.start()
    await floor.until_said(f"recovered {partition} at")
    await floor.until_said(f"stale [{key!r}]")
    await floor.append(floor.source, partition, [(key, b"1")])
    floor.sent.append((key, 1, partition))
    await floor.until_committed(1_001)
    assert (await floor.state())[0][key] == floor.folded()[key]


async def test_what_a_former_owner_writes_after_the_takeover_is_found_by_reading_back(floor: FrameFloor) -> None:
    await stopped_state(floor)
    (former,) = await floor.epochs(0)
    floor.start()

    async def claimed() -> bool:
        return len(await floor.epochs(0)) == 2

    await until(claimed, "the second owner has claimed the partition")
    await floor.append(floor.changelog, 0, [(b"late-unit", PREFIX.pack(former) + b"[1, 1]")])
    await floor.until_said("late keys [b'late-unit']")


@pytest.mark.slow
async def test_a_worker_that_sleeps_past_its_session_changes_nothing_when_it_wakes(
    floor: FrameFloor, broker_choice: str
) -> None:
    if broker_choice == "embedded":
        pytest.skip("needs a real Kafka: --broker=apache")
    await floor.produce(SCANS, seed=6)
    sleeper = floor.start()
    await floor.until_committed(1_000)
    sleeper.send_signal(signal.SIGSTOP)
    floor.start()
    await floor.until_committed(SCANS)
    sleeper.send_signal(signal.SIGCONT)
    await floor.produce(SCANS, seed=7)
    await floor.until_committed(2 * SCANS)
    assert (await floor.state())[0] == floor.folded()


@pytest.mark.slow
async def test_transactions_of_a_producer_leave_no_hole_and_aborted_ones_nothing(
    floor: FrameFloor, broker_choice: str
) -> None:
    if broker_choice == "embedded":
        pytest.skip("needs a real Kafka: --broker=apache")
    await floor.transact([(b"u1", 1, True), (b"u2", 5, False), (b"u1", 2, True), (b"u2", 3, True)])
    floor.start()
    await floor.until_committed(8)
    assert (await floor.state())[0] == floor.folded()


async def test_a_state_batch_that_does_not_follow_the_last_one_ends_with_seventy(floor: FrameFloor) -> None:
    await stopped_state(floor)
    (epoch,) = await floor.epochs(0)
    await floor.append(floor.changelog, 0, [(b"\x00mark", encoded_mark(epoch, 9_999, 9_998))])
    worker = floor.start()
    assert await floor.until_ended(worker) == BROKEN
    assert "continues source offset 9998, but the state before it stands at" in floor.log


async def test_an_exception_in_the_agent_ends_with_seventy_and_nothing_of_its_frame_committed(
    floor: FrameFloor,
) -> None:
    await floor.append(floor.source, 0, [(b"u1", b"1"), (b"u1", b"boom")])
    worker = floor.start()
    assert await floor.until_ended(worker) == BROKEN
    assert await floor.committed() in (0, 1)
    assert "boom" in floor.log


async def test_an_emptied_changelog_ends_with_seventy_instead_of_beginning_anew(floor: FrameFloor) -> None:
    await stopped_state(floor)
    await floor.empty_changelog()
    worker = floor.start()
    assert await floor.until_ended(worker) == BROKEN
    assert "its changelog holds no state" in floor.log
