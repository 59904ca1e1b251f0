"""What ingest takes by HTTP per CPU second, in batches of 200 as a gateway sends them.

    batches ─► POST /v1/scans (one connection after the other) ─► ingest (timed) ─► floor.scans

Counted is the CPU of the ingest process from the first request to the last answer, which comes only when the broker has
acknowledged. Afterwards floor.scans must hold every event exactly once.
"""

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.bench_floor import BenchFloor, WrongResult, environment
from loadtest.load import MARKER, Profile, ScanRecord, scans
from loadtest.results import Measurement, measurement
from loadtest.sections import Bench
from loadtest.stage import NoFigure, Stage
from services import topology
from services.commands.scans_client import ScansClient
from services.embedded.process import free_port
from services.embedded.stages import answers

BATCH = 200
CONNECTIONS = 4
READY_S = 30.0


@dataclass(frozen=True)
class Taken:
    """One run that counts."""

    scans: int
    cpu_s: float
    wall_s: float


async def measure(bench: Bench) -> list[Measurement]:
    """The rounds of this section."""
    profile = bench.profile.sized(bench.plan.ingest_scans)
    records = scans(profile)
    done: list[Taken] = []
    for number in range(bench.plan.ingest_rounds):
        done.append(await _round(profile, records))
        bench.say(f"ingest, round {number + 1}: {done[-1].scans / done[-1].cpu_s:,.0f} scans/s/core, checked")
    return [
        measurement("ingest.scans_per_s_core", "scans/CPU s", [run.scans / run.cpu_s for run in done]),
        measurement("ingest.scans_per_s", "scans/s", [run.scans / run.wall_s for run in done]),
    ]


async def _round(profile: Profile, records: Sequence[ScanRecord]) -> Taken:
    values = [record.value for record in records if record.value != MARKER]
    markers = [record for record in records if record.value == MARKER]
    with tempfile.TemporaryDirectory(prefix="floorstream-bench-") as name:
        directory = Path(name)
        async with BenchFloor(profile, markers, directory) as floor:
            port = free_port()
            given = environment(floor, profile, (), directory) | {"FLOORSTREAM_PORT": str(port)}
            async with Stage("services.ingest", given, directory) as ingest:
                await ingest.until(_answering(port), READY_S, "ingest takes work")
                begun, used = asyncio.get_running_loop().time(), ingest.cpu_s()
                await _send(f"http://127.0.0.1:{port}", values)
                run = Taken(len(values), ingest.cpu_s() - used, asyncio.get_running_loop().time() - begun)
            found = Counter([record.value async for record in floor.records(topology.SCANS.name)])
            _check(values, found)
            return run


def _answering(port: int) -> Callable[[], bool]:
    ask = answers(port, "/readyz")

    def ready() -> bool:
        try:
            return ask()
        except OSError:
            return False

    return ready


async def _send(url: str, values: Sequence[bytes]) -> None:
    """All of them, several requests at a time. Raises NoFigure where one is refused."""
    batches = [values[at : at + BATCH] for at in range(0, len(values), BATCH)]

    async def one(mine: Sequence[Sequence[bytes]]) -> None:
        async with ScansClient(url, "mes") as client:
            for batch in mine:
                verdicts = await client.send(batch)
                if verdicts.refused:
                    raise NoFigure(f"ingest refused {dict(verdicts.refused)}")

    await asyncio.gather(*(one(batches[number::CONNECTIONS]) for number in range(CONNECTIONS)))


def _check(sent: Sequence[bytes], found: Counter[bytes]) -> None:
    """Every event as often in the log as it was sent. Raises WrongResult."""
    there: Counter[tuple[str, str]] = Counter()
    for value, count in found.items():
        if value != MARKER:
            there[_identity(value)] += count
    missing = Counter(map(_identity, sent)) - there
    if missing or sum(there.values()) != len(sent):
        raise WrongResult(f"floor.scans holds {sum(there.values())} of {len(sent)} scans, {len(missing)} are missing")


def _identity(value: bytes) -> tuple[str, str]:
    event = json.loads(value)
    return event["unit_id"], event["event_id"]
