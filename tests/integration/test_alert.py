"""The alert stage on a real broker: raised in time, kept over kills and changes of owner, taken up by people."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from services import topology
from services.alert.feeds import BEHIND_US
from tests.integration.alert_process import SECOND, AlertProcesses, Floor, Told, led

pytestmark = pytest.mark.real_broker

PLANT = """
site: {id: S, time_zone: Asia/Shanghai}
areas:
  - id: X
    work_centers:
      - id: L
        work_units: [M]
        operations: [{id: A, wip_limit: 10}, {id: B, wip_limit: 10}, {id: C, dwell_limit: 3s}, {id: D, wip_limit: 10}]
alerting:
  on_delay: 0s
  off_delay: 0s
  rules:
    - {id: down, measure: machine_down_for, work_unit: M, time: 2s}
    - {id: slow, measure: wip_above, operation: D, wip: 10, on_delay: 4s}
"""


@pytest.fixture
def workers(fresh_broker: str, broker_choice: str, tmp_path: Path) -> Iterator[AlertProcesses]:
    processes = AlertProcesses(fresh_broker, "embedded" if broker_choice == "embedded" else "kafka", tmp_path)
    yield processes
    processes.end()


@pytest.fixture
async def told(fresh_broker: str) -> AsyncIterator[Told]:
    told = Told(fresh_broker)
    await told.start()
    yield told
    await told.stop()


@pytest.fixture
async def floor(fresh_broker: str) -> AsyncIterator[Floor]:
    producer = AIOKafkaProducer(bootstrap_servers=fresh_broker, acks="all")
    await producer.start()
    await led(producer)
    floor = Floor(producer)
    await floor.plant(PLANT)
    floor.keep_beating()
    yield floor
    await floor.stop()
    await producer.stop()


async def test_a_unit_that_sits_still_raises_within_a_second_of_its_limit(
    floor: Floor, workers: AlertProcesses, told: Told
) -> None:
    await workers.takes_work(workers.start())
    arrived = floor.clock.now_us()
    await floor.state("C", arrived=[arrived])
    await told.shows("dwell_limit|C", ["raised"])
    late_ms = told.written["dwell_limit|C", 1] - (arrived + 3 * SECOND) // 1000
    assert 0 <= late_ms <= 1000
    assert told.versions["dwell_limit|C"][1]["notify"]


async def test_while_scans_wait_to_be_counted_nobody_is_said_to_sit_still(
    floor: Floor, workers: AlertProcesses, told: Told
) -> None:
    """track is away: the unit may have left, and nobody has counted it."""
    await workers.takes_work(workers.start())
    for _ in range(5):  # the embedded broker says a few records less
        ack = await floor.producer.send_and_wait(topology.SCANS.name, b"{}", partition=0)
    await asyncio.sleep(BEHIND_US / 1_000_000 + 2)
    await floor.state("C", arrived=[floor.clock.now_us()])
    await asyncio.sleep(5)
    await told.read()
    assert told.changes("dwell_limit|C") == []
    floor.covered = {"0": (1, ack.offset)}
    await told.shows("dwell_limit|C", ["raised"])


async def test_from_raised_to_returned_with_what_people_do(floor: Floor, workers: AlertProcesses, told: Told) -> None:
    await workers.takes_work(workers.start())
    await floor.state("A", wip=11)
    await told.shows("wip_limit|A", ["raised"])
    await floor.act("wip_limit|A", "acknowledge", 1)
    await told.shows("wip_limit|A", ["raised", "acknowledged"])
    await floor.state("A", wip=2)
    await told.shows("wip_limit|A", ["raised", "acknowledged", "returned"])
    assert told.versions["wip_limit|A"][3]["state"] == "normal"


async def test_a_machine_that_is_down(floor: Floor, workers: AlertProcesses, told: Told) -> None:
    await workers.takes_work(workers.start())
    await floor.machine("M", "down", floor.clock.now_us(), 0)
    await told.shows("down|M", ["raised"])
    await floor.machine("M", "running", floor.clock.now_us(), 1)
    await told.shows("down|M", ["raised", "returned"])


async def test_a_rule_that_is_taken_away_ends_its_alert(floor: Floor, workers: AlertProcesses, told: Told) -> None:
    await workers.takes_work(workers.start())
    for operation in ("A", "B"):
        await floor.state(operation, wip=11)
        await told.shows(f"wip_limit|{operation}", ["raised"])
    await floor.plant(PLANT.replace("{id: B, wip_limit: 10}", "{id: B}"), 2)
    await told.shows("wip_limit|B", ["raised", "returned"])
    assert told.versions["wip_limit|B"][2]["end"] == "removed"
    assert told.changes("wip_limit|A") == ["raised"]
