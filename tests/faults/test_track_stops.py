"""track ends by itself where going on could lose or double events, says why, and commits nothing that was not done."""

import asyncio
import signal

import pytest

from services import topology
from services.topology import EPOCH_KEY
from tests.faults.scans import PARTITIONS, Floor
from tests.faults.topics import (
    all_committed,
    append,
    append_mark,
    changelog,
    claim,
    committed,
    empty,
    recoverable,
    state_marks,
    write_late,
)
from tests.faults.track_process import TrackProcesses, ended
from tests.parts import until

BROKEN, AGAIN = 70, 1


async def run_once(floor: Floor, workers: TrackProcesses) -> None:
    """A worker has tracked a load and was asked to stop."""
    await floor.produce(seed=4, units=20)
    worker = workers.start()
    await floor.tracked()
    worker.terminate()
    assert await ended(worker) == 0


async def raise_in_the_agent(floor: Floor, workers: TrackProcesses, **environment: str) -> None:
    await floor.produce(seed=4, units=20)
    worker = workers.start(RAISE_AT="folded:1", **environment)

    async def settled() -> bool:
        return worker.poll() is not None or any((await committed(floor.broker)).values())

    await until(settled, "the worker has ended or has committed")
    assert set((await committed(floor.broker)).values()) == {0}, "committed though it raised"
    assert await ended(worker) == BROKEN
    assert "raised by the test at 'folded'" in workers.log


async def break_the_chain(floor: Floor, workers: TrackProcesses, **environment: str) -> None:
    """A state batch that was lost between two others: taken as it is, its scans would be passed over."""
    await run_once(floor, workers)
    stands = (await state_marks(floor.broker))[0]
    await floor.produce(seed=5, units=20)
    await append_mark(floor.broker, 0, stands + 9, stands + 8)
    worker = workers.start(**environment)

    async def settled() -> bool:
        return worker.poll() is not None or await all_committed(floor)

    await until(settled, "the worker has ended or has gone on")
    if worker.poll() is None:
        await floor.check()
    assert await ended(worker) == BROKEN
    assert f"continues source offset {stands + 8}, but the state stands at {stands}" in workers.log


async def claimed_by_somebody_else(floor: Floor, workers: TrackProcesses, **environment: str) -> None:
    """A worker that slept between its assignment and its claim claims partitions that are not its own any more.

    What the owner writes from then on counts for no later recovery, so it must not commit it.
    """
    owner = workers.start(**environment)
    await floor.produce(seed=4, units=20)
    await until(lambda: all_committed(floor), "all is committed")
    for partition in range(PARTITIONS):
        await claim(floor.broker, partition)
    await floor.produce(seed=5, units=20)

    async def settled() -> bool:
        return owner.poll() is not None or await all_committed(floor)

    await until(settled, "the owner has ended or has gone on")
    included = await recoverable(floor.broker)
    beyond = {p: offset for p, offset in (await committed(floor.broker)).items() if offset > included[p] + 1}
    assert beyond == {}, f"committed beyond the state that counts, {included}"
    assert await ended(owner) == AGAIN
    assert "was claimed by somebody else after epoch" in workers.log
    workers.start(**environment)
    await floor.check()


async def written_over_late(floor: Floor, workers: TrackProcesses, **environment: str) -> None:
    """A former owner writes over a unit; the owner writes it again with its next frame, before compaction could."""
    worker = workers.start(**environment)
    await floor.produce(seed=4, units=20)
    await floor.tracked()
    late = {partition: await write_late(floor.broker, partition) for partition in range(PARTITIONS)}
    await floor.produce(seed=5, units=20)
    await floor.tracked()

    async def written_again() -> bool:
        last = {(r.partition, r.key): r.value[8:] for r in await changelog(floor.broker)}
        return all(last[each] != b"late" for each in late.items())

    await until(written_again, "the owner's is the last of its key again")
    assert worker.poll() is None
    await floor.check()


async def lose_the_log(floor: Floor, workers: TrackProcesses, **environment: str) -> None:
    await run_once(floor, workers)
    await empty(floor.broker, topology.SCANS.name)
    assert await ended(workers.start(**environment)) == BROKEN
    assert "ends at offset 0, but the state includes offset" in workers.log


@pytest.mark.row(6)
async def test_an_exception_in_the_agent(floor: Floor, workers: TrackProcesses) -> None:
    await raise_in_the_agent(floor, workers)
    workers.start()
    await floor.check()


@pytest.mark.row(40)
async def test_a_state_batch_that_does_not_follow_the_last_one(floor: Floor, workers: TrackProcesses) -> None:
    await break_the_chain(floor, workers)


@pytest.mark.row(12)
async def test_a_log_that_was_lost(floor: Floor, workers: TrackProcesses) -> None:
    await lose_the_log(floor, workers)


@pytest.mark.row(12)
async def test_a_log_that_was_lost_and_begins_anew(floor: Floor, workers: TrackProcesses) -> None:
    await run_once(floor, workers)
    await empty(floor.broker, topology.SCANS.name)
    await append(floor.broker, topology.SCANS.name, 0, [b"{}"] * 3)
    assert await ended(workers.start()) == BROKEN
    assert "ends at offset 3, but the state includes offset" in workers.log


@pytest.mark.row(40)
async def test_an_emptied_changelog(floor: Floor, workers: TrackProcesses) -> None:
    await run_once(floor, workers)
    await empty(floor.broker, topology.UNITS_CHANGELOG)
    assert await ended(workers.start()) == BROKEN
    assert f"there is no state: {topology.UNITS_CHANGELOG} was emptied" in workers.log


@pytest.mark.row(7)
async def test_a_stop_that_was_asked_for_commits_all_that_was_done(floor: Floor, workers: TrackProcesses) -> None:
    load = asyncio.create_task(floor.produce(seed=4, units=300, pause_every=1))
    worker = workers.start()

    async def some() -> bool:
        return sum((await committed(floor.broker)).values()) > 100

    await until(some, "some scans are committed")
    worker.terminate()
    assert await ended(worker) == 0
    assert await committed(floor.broker) == {p: mark + 1 for p, mark in (await state_marks(floor.broker)).items()}
    load.cancel()
    await asyncio.wait([load])


@pytest.mark.row(7)
async def test_a_stop_while_recovering(floor: Floor, workers: TrackProcesses) -> None:
    await run_once(floor, workers)
    worker = workers.start()

    async def claimed() -> bool:
        return len([r for r in await changelog(floor.broker) if r.key == EPOCH_KEY]) > 4

    await until(claimed, "the second worker has claimed a partition")
    worker.send_signal(signal.SIGINT)
    assert await ended(worker) == 0


async def test_no_broker(workers: TrackProcesses) -> None:
    assert await ended(workers.start(FLOORSTREAM_KAFKA="127.0.0.1:9")) == AGAIN
    assert "stopping, exit 1: start again" in workers.log
    assert "Traceback" not in workers.log


@pytest.mark.row(35)
@pytest.mark.real_broker
async def test_somebody_elses_claim_is_noticed_before_anything_is_committed(
    floor: Floor, workers: TrackProcesses
) -> None:
    await claimed_by_somebody_else(floor, workers)


@pytest.mark.row(35)
@pytest.mark.real_broker
async def test_what_a_late_writer_wrote_is_written_again_by_the_owner(floor: Floor, workers: TrackProcesses) -> None:
    await written_over_late(floor, workers)


@pytest.mark.row(35)
@pytest.mark.red("watch for claims")
@pytest.mark.slow
async def test_red_when_nobody_watches_for_claims(floor: Floor, workers: TrackProcesses) -> None:
    with pytest.raises(AssertionError, match="committed beyond the state that counts"):
        await claimed_by_somebody_else(floor, workers, WITHOUT="watch")


@pytest.mark.row(35)
@pytest.mark.red("watch for late writers")
@pytest.mark.slow
async def test_red_when_nobody_watches_for_late_writers(floor: Floor, workers: TrackProcesses) -> None:
    with pytest.raises(AssertionError, match="the owner's is the last of its key again"):
        await written_over_late(floor, workers, WITHOUT="watch")


@pytest.mark.row(12)
@pytest.mark.red("whole log")
@pytest.mark.slow
async def test_red_where_a_log_may_be_shorter_than_what_was_folded(floor: Floor, workers: TrackProcesses) -> None:
    with pytest.raises(AssertionError, match="the worker has ended"):
        await lose_the_log(floor, workers, WITHOUT="whole log")


@pytest.mark.row(6)
@pytest.mark.red("end at an exception")
@pytest.mark.slow
async def test_red_when_an_exception_leaves_the_agent(floor: Floor, workers: TrackProcesses) -> None:
    with pytest.raises(AssertionError, match="committed though it raised"):
        await raise_in_the_agent(floor, workers, WITHOUT="end at an exception")


@pytest.mark.row(40)
@pytest.mark.red("chain")
@pytest.mark.slow
async def test_red_without_the_chain(floor: Floor, workers: TrackProcesses) -> None:
    with pytest.raises(AssertionError, match="the visits differ from the fold"):
        await break_the_chain(floor, workers, WITHOUT="chain")
