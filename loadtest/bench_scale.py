"""Many live units, and many operations: memory, what an event costs, and how long a start takes.

    live_units.py ─► scale_worker (memory, cost) ─► changelog on Apache Kafka ─► track (timed until it takes work)

Recovered state is right when one further scan of a unit in each partition gives it the number of accepted events that
only the whole of its history can give.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.bench_floor import OPERATION_PARTITIONS, WrongResult
from loadtest.fold_alone import fold_alone
from loadtest.live_units import LiveUnits, plant_of
from loadtest.load import MARKER, Profile
from loadtest.results import Measurement, measurement
from loadtest.scale_worker import pieces_of
from loadtest.sections import Bench
from loadtest.stage import ROOT, NoFigure, Stage
from services import topology
from services.adapters.batches import BatchProducer, Item
from services.adapters.clock import SystemClock
from services.adapters.topics import create_topics
from services.adapters.wire import UnitChanged
from services.embedded.apache_kafka import ApacheKafka
from services.settings import KafkaSettings

MILLION = 1_000_000
KEPT = 12
"""Of the units whose cost and recovery are measured."""
READY_S = 300.0
PROBE_S = 60.0
BATCH_BYTES = 1 << 20
SESSION_S = 10


async def measure(bench: Bench) -> list[Measurement]:
    """Units, then operations."""
    found = [*await _memory(bench), *await _cost_of_units(bench)]
    costs = {}
    for operations in bench.plan.operations:
        profile = replace(bench.profile, operations=operations, events=bench.plan.cost_events)
        costs[operations] = fold_alone(profile, bench.plan.cost_rounds, publishing=True)
        found.append(measurement(f"cost.operations_{operations}.us_per_event", "µs CPU", costs[operations]))
        bench.say(f"{operations:,} operations: {found[-1].value:.1f} µs per event, partials included")
    return [*found, _ratio("cost.most_to_fewest_operations", costs)]


async def _memory(bench: Bench) -> list[Measurement]:
    """Bytes of a unit, by events kept."""
    found = []
    for kept in bench.plan.kept_events:
        told = await _worker(bench.plan.kept_units, kept)
        found += [
            measurement(f"memory.kept_{kept}.bytes_per_unit", "bytes RSS", [told["bytes_per_unit"]]),
            measurement(f"memory.kept_{kept}.state_bytes_per_unit", "bytes", [told["state_bytes_per_unit"]]),
        ]
        bench.say(f"{kept} kept events: {told['bytes_per_unit']:,.0f} bytes per unit")
    return found


async def _cost_of_units(bench: Bench) -> list[Measurement]:
    """µs of an event by live units; the most of them are recovered as well."""
    found, costs = [], {}
    for units in bench.plan.live_units[:-1]:
        told = await _worker(units, KEPT, *_rounds(bench))
        costs[units] = told["us_per_event"]
    most = bench.plan.live_units[-1]
    with tempfile.TemporaryDirectory(prefix="floorstream-bench-") as name:
        kafka = ApacheKafka()
        address = kafka.start(Path(name) / "kafka", heap_mb=1024)
        try:
            told, recovered = await _recovered(bench, most, address, Path(name))
        finally:
            kafka.stop()
    costs[most] = told["us_per_event"]
    for units, values in costs.items():
        found.append(measurement(f"cost.units_{units}.us_per_event", "µs CPU", values))
        bench.say(f"{units:,} live units: {found[-1].value:.1f} µs per event")
    return [*found, _ratio("cost.most_to_fewest_units", costs), *recovered]


def _rounds(bench: Bench) -> list[str]:
    return ["--events", str(bench.plan.cost_events), "--rounds", str(bench.plan.cost_rounds)]


def _ratio(name: str, costs: Mapping[int, Sequence[float]]) -> Measurement:
    """Most to fewest, round by round."""
    few, many = costs[min(costs)], costs[max(costs)]
    return measurement(name, "", [most / least for most, least in zip(sorted(many), sorted(few), strict=True)])


async def _worker(units: int, kept: int, *words: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What loadtest.scale_worker says. Raises NoFigure."""
    command = ["-m", "loadtest.scale_worker", "--units", str(units), "--kept", str(kept), *words]
    child = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=asyncio.subprocess.PIPE
    )
    answer, _ = await child.communicate()
    if child.returncode:
        raise NoFigure(f"the worker with {units} units ended with {child.returncode}")
    told: dict[str, Any] = json.loads(answer)
    return told


async def _recovered(
    bench: Bench, units: int, address: str, directory: Path
) -> tuple[dict[str, Any], list[Measurement]]:
    """Write a changelog of so many units, and let track recover it. Raises WrongResult."""
    profile = bench.profile
    kafka = KafkaSettings(address, False, 1, profile.partitions, OPERATION_PARTITIONS, SESSION_S)
    given = {
        "FLOORSTREAM_KAFKA": address, "FLOORSTREAM_PROFILE": "kafka", "FLOORSTREAM_DATA_DIR": str(directory),
        "FLOORSTREAM_PARTITIONS": str(profile.partitions), "FLOORSTREAM_SESSION_TIMEOUT_S": str(SESSION_S),
        "FLOORSTREAM_OPERATION_PARTITIONS": str(OPERATION_PARTITIONS),
    }  # fmt: skip
    await _prepare(kafka, profile, pieces_of(units, profile.partitions))
    told = await _worker(units, KEPT, *_rounds(bench), "--changelog", environment=given)
    async with Stage("services.track", given, directory) as track:
        begun = asyncio.get_running_loop().time()
        await track.ready(READY_S)
        took, used = asyncio.get_running_loop().time() - begun, track.rss_mb()
        bench.say(f"{units:,} units recovered in {took:.1f} s, {used:,.0f} MB")
        await _probe(kafka, profile, bench, units)
    name = "million_units" if units == MILLION else f"units_{units}"
    return told, [
        measurement(f"recovery.{name}_s", "s from start to taking work", [took]),
        measurement(f"memory.{name}_mb", "MB RSS of track", [used]),
        measurement(f"memory.{name}_bytes_per_unit", "bytes RSS of track", [used * (1 << 20) / units]),
    ]


async def _prepare(kafka: KafkaSettings, profile: Profile, records: int) -> None:
    """Topics, the plant, and as long a log of scans as the state says it has folded."""
    await create_topics(kafka)
    plant = {"version": 1, "created_us": 0, "created_by": "bench", "model": plant_of(profile, KEPT)}
    marker: Item = (topology.MARKER_KEY, MARKER, [(topology.MARKER_HEADER, b"1")])
    await _send(kafka, topology.MASTER.name, {0: [(b"plant/1", json.dumps(plant).encode(), ())]})
    await _send(kafka, topology.SCANS.name, {p: [marker] * records for p in range(profile.partitions)})


async def _send(kafka: KafkaSettings, topic: str, parts: Mapping[int, Sequence[Item]]) -> None:
    producer = BatchProducer(kafka, "bench", SystemClock(), BATCH_BYTES)
    await producer.start()
    for partition, items in parts.items():
        for ack in await producer.send(topic, partition, items):
            await ack
    await producer.stop()


async def _probe(kafka: KafkaSettings, profile: Profile, bench: Bench, units: int) -> None:
    """One more scan of a unit in each partition: what comes must be the successor of its whole history."""
    live = LiveUnits(Profile.read("quick", {}), units, KEPT)
    live.tell_had(bench.plan.cost_events, bench.plan.cost_rounds)
    scans = {}
    for unit in range(units):
        if live.partition(unit) not in scans:
            scans[live.partition(unit)] = (live.scan(unit), live.had(unit))
        if len(scans) == profile.partitions:
            break
    await _send(kafka, topology.SCANS.name, {p: [(r.key, r.value, r.headers)] for p, (r, _) in scans.items()})
    expected = {record.key.decode(): had for record, had in scans.values()}
    found = await _accepted(kafka.brokers, profile.partitions, set(expected))
    if found != expected:
        raise WrongResult(f"recovered units have had {found} accepted events, and should have had {expected}")


async def _accepted(broker: str, partitions: int, units: set[str]) -> dict[str, int]:
    """How many events of these units are accepted, as floor.visits says. Raises NoFigure."""
    decode, found = msgspec.json.Decoder(UnitChanged).decode, dict[str, int]()
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topology.VISITS.name, number) for number in range(partitions)])
        async with asyncio.timeout(PROBE_S):
            while found.keys() != units:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        if record.key and record.key.decode() in units:
                            found[record.key.decode()] = decode(record.value).accepted
    except TimeoutError:
        raise NoFigure(f"of {len(units)} recovered units only {len(found)} took another scan") from None
    finally:
        await consumer.stop()
    return found
