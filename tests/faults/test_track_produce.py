"""track and a broker that does not take what it writes, or never says that it has: nothing of it is committed."""

from collections.abc import AsyncIterator

import pytest

from services.topology import UNITS_CHANGELOG, VISITS
from tests.faults.proxy import Fault, ProduceProxy
from tests.faults.scans import Floor
from tests.faults.topics import committed
from tests.faults.track_process import TrackProcesses, ended
from tests.parts import until

AGAIN = 1
PRODUCE_LIMIT = {"REQUEST_TIMEOUT_S": "2"}
TOPICS = pytest.mark.parametrize("topic", [VISITS.name, UNITS_CHANGELOG])


async def not_taken(
    floor: Floor, workers: TrackProcesses, proxy: ProduceProxy, via: str, fault: Fault, topic: str, **environment: str
) -> None:
    """A topic takes nothing, or never says so; the worker ends, having committed nothing of it."""
    await floor.produce(seed=4, units=20)
    worker = workers.start(VIA=via, **PRODUCE_LIMIT, **environment)
    before = {partition: offset + 1 for partition, offset in floor.last.items()}
    await until(lambda: same(committed(floor.broker), before), "all is committed")
    proxy.topic, proxy.fault = topic, fault
    await floor.produce(seed=5, units=20)

    async def settled() -> bool:
        return worker.poll() is not None or await committed(floor.broker) != before

    await until(settled, "the worker has ended or has committed")
    assert await committed(floor.broker) == before, "committed though it was not taken"
    assert await ended(worker) == AGAIN
    assert proxy.lost > 0


async def same(found: object, wanted: object) -> bool:
    """Is what was asked for there?"""
    return await found == wanted  # type: ignore[misc]


@pytest.fixture
async def proxy(fresh_broker: str) -> AsyncIterator[ProduceProxy]:
    """A way to the broker that can lose answers."""
    proxy = ProduceProxy(fresh_broker)
    yield proxy
    await proxy.stop()


@pytest.fixture
async def via(fresh_broker: str, proxy: ProduceProxy) -> str:
    """What a worker is told to go that way."""
    return f"{fresh_broker.partition(':')[2]}={(await proxy.start()).partition(':')[2]}"


@TOPICS
@pytest.mark.row(8)
async def test_a_topic_that_takes_nothing(
    topic: str, floor: Floor, workers: TrackProcesses, proxy: ProduceProxy, via: str
) -> None:
    await not_taken(floor, workers, proxy, via, Fault.REFUSE, topic)
    workers.start()
    await floor.check()


@TOPICS
@pytest.mark.real_broker  # whose producer repeats for ever, which the embedded broker's does not
@pytest.mark.row(9)
async def test_acknowledgements_that_never_come(
    topic: str, floor: Floor, workers: TrackProcesses, proxy: ProduceProxy, via: str
) -> None:
    await not_taken(floor, workers, proxy, via, Fault.SWALLOW, topic)
    workers.start()
    await floor.check()


@pytest.mark.row(14)
async def test_acknowledgements_cut_off_for_a_while(
    floor: Floor, workers: TrackProcesses, proxy: ProduceProxy, via: str
) -> None:
    worker = workers.start(VIA=via)
    await workers.takes_work(worker)
    proxy.fault = Fault.CLOSE
    await floor.produce(seed=4, units=60)

    async def some_lost() -> bool:
        return proxy.lost > 3

    await until(some_lost, "answers are lost")
    proxy.fault = Fault.NONE
    await floor.check()
    assert worker.poll() is None


@TOPICS
@pytest.mark.slow
@pytest.mark.row(8)
@pytest.mark.red("waiting for acknowledgements")
async def test_red_when_nobody_waits_to_hear_that_it_is_taken(
    topic: str, floor: Floor, workers: TrackProcesses, proxy: ProduceProxy, via: str
) -> None:
    with pytest.raises(AssertionError, match="committed though it was not taken"):
        await not_taken(floor, workers, proxy, via, Fault.REFUSE, topic, WITHOUT="acknowledgements")


@pytest.mark.slow
@pytest.mark.row(9)
@pytest.mark.red("waiting for acknowledgements")
async def test_red_when_nobody_waits_for_acknowledgements(
    floor: Floor, workers: TrackProcesses, proxy: ProduceProxy, via: str
) -> None:
    with pytest.raises(AssertionError, match="committed though it was not taken"):
        await not_taken(floor, workers, proxy, via, Fault.SWALLOW, "", WITHOUT="acknowledgements")
