"""`python -m loadtest.alert_rules`: what alert uses for 1,000 changed states a second over 50,000 rules.

    lane     the real handler and wire, by the real clock, without a broker
    stage    the real process on the embedded broker, with `--stage`

Stays begin at random and reach their dwell limit with no event to wake them: how late each deadline was met is part of
the figure. Rules: four on each of 12,500 operations.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from schemas.plant import load_plant
from services import topology
from services.adapters import alert_wire
from services.adapters.clock import SteadyClock, SystemClock
from services.adapters.plant_master import PlantRecord, plant_key, plant_value
from services.adapters.runtime import tune_runtime
from services.adapters.topics import create_topics
from services.alert.app import TICK_SECONDS
from services.alert.handler import Lane, Restored
from services.alert.owned import STEPS_AT_ONCE
from services.core.alarm_rules import Rule, rules_of
from services.core.equipment import PlantModel
from services.core.identity import partition_of
from services.embedded.broker import Broker
from services.embedded.process import free_port
from services.settings import KafkaSettings

SECOND = 1_000_000
STATES_PER_SECOND = 1_000
DWELL_S = 20
PARTITIONS = 2
PLANT_BYTES = 16 << 20
PLANT = """
areas: [{id: X, work_centers: [{id: L, operations: [{id: OP0, wip_limit: 30, wip_min: 1, dwell_limit: %ds}]}]}]
alerting:
  rules: [{id: R0, measure: no_departure_for, operation: OP0, time: 1m}]
"""


class State(NamedTuple):
    """A record of floor.operations."""

    offset: int
    partition: int
    key: bytes
    value: bytes


def plant(rules: int) -> dict[str, Any]:
    """A canonical plant with so many rules: one operation and its rule, checked, and as many copies as it takes."""
    document = load_plant(PLANT % DWELL_S)
    operation, rule = document["operations"][0], document["alerting"]["rules"][0]
    numbers = range(rules // 4)
    document["operations"] = [{**operation, "id": f"OP{n}"} for n in numbers]
    document["alerting"]["rules"] = [{**rule, "id": f"R{n}", "operation": f"OP{n}"} for n in numbers]
    return document


class Floor:
    """Operations whose stays come and go: a new state of one of them, and of all of them once at the start."""

    def __init__(self, operations: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._names = [f"OP{n}" for n in range(operations)]
        self._stays: dict[str, list[int]] = {}
        self._offset = 0

    def all(self, now: int) -> Iterator[State]:
        """The first state of every operation."""
        return (self._state(name, now) for name in self._names)

    def changed(self, now: int) -> State:
        """The next state of one of them."""
        return self._state(self._random.choice(self._names), now)

    def _state(self, name: str, now: int) -> State:
        rnd = self._random
        # Most units leave in time; one in fifty operations keeps its oldest until it is over the limit, and longer.
        kept = [at for at in self._stays.get(name, []) if rnd.random() < 0.7 and now - at < DWELL_S * SECOND // 2]
        if hash(name) % 50 == 0 and self._stays.get(name):
            kept = [*self._stays[name][:1], *kept]
        stays = self._stays[name] = sorted({*kept, *(now - rnd.randrange(SECOND) for _ in range(3))})
        value = {
            "operation_id": name, "as_of_us": now, "wip": len(stays) + (30 if rnd.random() < 0.01 else 0),
            "queued": len(stays), "running": 0, "finished": 0, "held": 0, "quantity": "1", "value": "0",
            "arrivals": self._offset, "departures": self._offset, "completed": 0, "scrapped": 0, "rework": 0,
            "oldest": [stay(at) for at in stays[:10]],
            "windows": dict.fromkeys(("15m", "1h", "8h"), WINDOW), "coverage": {"0": [1, self._offset]},
            "last_departure_us": now - now % (60 * SECOND), "newest_event_us": now, "backfilled": 0,
        }  # fmt: skip
        self._offset += 1
        return State(self._offset, partition_of(name, PARTITIONS), name.encode(), json.dumps(value).encode())


def stay(arrived: int) -> dict[str, Any]:
    """One of the oldest stays."""
    return {"unit_id": f"SN-{arrived}", "visit_id": f"e-{arrived}", "arrived_us": arrived, "over_p85_in_us": 1}


PERCENTILES = {"p50": 1_000_000, "p85": 2_000_000, "p95": 3_000_000}
WINDOW = {
    "departures": 100, "throughput_per_h": 400.0, "dwell_us": PERCENTILES, "queue_us": PERCENTILES,
    "process_us": PERCENTILES,
}  # fmt: skip


def lane(rules: dict[str, Rule], floor: Floor, seconds: int) -> dict[str, float]:
    """The handler and the wire by the real clock; CPU of them alone, and how late deadlines were met."""
    tune_runtime()
    clock = SteadyClock(SystemClock())
    subject = Lane(0, alert_wire)
    subject.restore(Restored(), 0)
    subject.adopt(1, rules)
    subject.take_operations(list(floor.all(clock.now_us())), clock.now_us())
    while subject.due_now:
        subject.round(clock.now_us(), STEPS_AT_ONCE)
    late: list[int] = []
    used, versions, size, steps, sent = 0.0, 0, 0, 0, 0
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        states = [floor.changed(clock.now_us()) for _ in range(due(begun, sent))]
        sent += len(states)
        before = time.process_time()
        subject.take_operations(states, clock.now_us())
        more = True
        while more:
            found = subject.round(clock.now_us(), STEPS_AT_ONCE)
            late += found.late
            versions += len(found.versions)
            steps += found.steps
            size += sum(len(value or b"") for _, value, _ in found.items)
            more = subject.due_now
        used += time.process_time() - before
        time.sleep(TICK_SECONDS)
    return {
        "rules": len(rules), "seconds": seconds, "states_per_s": sent / seconds, "cpu_of_a_core": used / seconds,
        "steps_per_s": steps / seconds, "versions_per_s": versions / seconds, "bytes_out_per_s": size / seconds,
        "deadlines": len(late), "latest_ms": max(late, default=0) / 1e3,
    }  # fmt: skip


def due(begun: float, sent: int) -> int:
    """How many states are to be sent by now."""
    return max(0, int((time.monotonic() - begun) * STATES_PER_SECOND) - sent)


async def stage(document: dict[str, Any], floor: Floor, seconds: int, directory: Path) -> dict[str, float]:
    """The real process: CPU between two moments, lateness and changes as its metrics tell."""
    broker = Broker()
    address = broker.start(directory)
    try:
        await create_topics(KafkaSettings(address, True, 1, 4, PARTITIONS, 6))
        producer = AIOKafkaProducer(bootstrap_servers=address, max_request_size=PLANT_BYTES, linger_ms=5)
        await producer.start()
        clock = SystemClock()
        record = PlantRecord(1, clock.now_us(), "bench", document)
        await producer.send_and_wait(topology.MASTER.name, plant_value(record), plant_key(1), 0)
        await send(producer, list(floor.all(clock.now_us())))
        port = free_port()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.alert", env=environment(address, port, directory)
        )
        try:
            begun = time.monotonic()
            ready = directory / "ready"
            while not ready.exists():
                await feed(producer, floor, 1)
            took = time.monotonic() - begun
            await feed(producer, floor, DWELL_S)
            cpu, before = cpu_of(child.pid), scrape(port)
            await feed(producer, floor, seconds)
            return {"ready_s": took, **figures(seconds, cpu_of(child.pid) - cpu, before, scrape(port))}
        finally:
            child.terminate()
            await child.wait()
            await producer.stop()
    finally:
        broker.stop()


def environment(address: str, port: int, directory: Path) -> dict[str, str]:
    """Settings of the stage."""
    return {
        **os.environ, "FLOORSTREAM_KAFKA": address, "FLOORSTREAM_PROFILE": "embedded", "FLOORSTREAM_PARTITIONS": "4",
        "FLOORSTREAM_OPERATION_PARTITIONS": str(PARTITIONS), "FLOORSTREAM_INSTANCE": "",
        "FLOORSTREAM_METRICS_PORT": str(port), "FLOORSTREAM_READY_FILE": str(directory / "ready"),
        "FLOORSTREAM_DATA_DIR": str(directory),
    }  # fmt: skip


async def feed(producer: AIOKafkaProducer, floor: Floor, seconds: float) -> None:
    """States at their rate, and a sign of life every second."""
    clock = SystemClock()
    begun, sent, beats = time.monotonic(), 0, 0
    while (passed := time.monotonic() - begun) < seconds:
        if passed >= beats:
            beats += 1
            beat = json.dumps({"as_of_us": clock.now_us()}).encode()
            await producer.send(topology.OPERATIONS.name, beat, topology.PLANT_KEY, 0)
        states = [floor.changed(clock.now_us()) for _ in range(due(begun, sent))]
        sent += len(states)
        await send(producer, states)
        await asyncio.sleep(0.1)


async def send(producer: AIOKafkaProducer, states: list[State]) -> None:
    """Give them to the broker."""
    for state in states:
        await producer.send(topology.OPERATIONS.name, state.value, state.key, state.partition)


def cpu_of(pid: int) -> float:
    """CPU seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def scrape(port: int) -> dict[str, float]:
    """The stage's metrics by name and labels."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        f"http://127.0.0.1:{port}/metrics"
    ) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def figures(seconds: int, cpu: float, before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What happened between two scrapes."""

    def grown(start: str) -> float:
        return sum(value - before.get(name, 0) for name, value in after.items() if name.startswith(start))

    late = "floorstream_alert_deadline_late_seconds_bucket"
    return {
        "rules": after["floorstream_alert_rules"], "seconds": seconds,
        "states_per_s": grown("floorstream_alert_states_total") / seconds, "cpu_of_a_core": cpu / seconds,
        "versions_per_s": grown("floorstream_alert_changes_total") / seconds,
        "deadlines": grown("floorstream_alert_deadline_late_seconds_count"),
        "deadlines_met_within_1_s": grown(f'{late}{{le="1.0"}}'),
        "deadlines_met_within_100_ms": grown(f'{late}{{le="0.1"}}'),
    }  # fmt: skip


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.alert_rules", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rules", type=int, default=50_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--stage", action="store_true", help="the real process on the embedded broker")
    arguments = parser.parse_args()
    document = plant(arguments.rules)
    floor = Floor(arguments.rules // 4, seed=1)
    if arguments.stage:
        with tempfile.TemporaryDirectory() as directory:
            found = asyncio.run(stage(document, floor, arguments.seconds, Path(directory)))
    else:
        found = lane(rules_of(PlantModel.from_document(document)), floor, arguments.seconds)
    print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
