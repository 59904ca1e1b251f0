"""The whole product on a cluster, fed over HTTP by a sender that repeats itself, and what must hold in the end."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from services.commands.scans_client import ScansClient, Unreachable
from services.embedded.instance import named
from services.embedded.process import free_port
from tests.faults.scans import PLANT, events
from tests.faults.up_on_cluster import CLUSTER
from tests.integration.up_process import Running
from tests.parts import ask, until

RATE = 100
AT_ONCE = 20
REQUESTS_PER_S = 10
"""At most; a faster sender puts more into each."""
UNITS = 4_000
"""More than any test has time for."""
STAGES = ("track", "aggregate", "alert", "store", "notify", "front")
FILES = ("visits.csv", "operations.csv", "units.csv")
MARKS = "SELECT sum(mark) FROM sink_positions WHERE topic = 'floor.visits'"
GETS_ON_SECONDS = 150.0
"""Clients wait half a minute for a broker that is frozen, not dead; a stage that gave up then starts again."""


@dataclass
class Sender:
    """One source: request after request, each until it is answered; `log` is what was answered, in that order.

    `forgetful`: it does not keep the ids it has sent, and sends again under new ones.
    """

    address: str
    seed: int
    rate: int = RATE
    forgetful: bool = False
    log: list[bytes] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    stopping: bool = False

    async def run(self) -> None:
        """Until `stopping`."""
        load = events(self.seed, UNITS)
        async with ScansClient(self.address, "sender", patience_s=0 if self.forgetful else None) as client:
            while not self.stopping:
                at_once = max(AT_ONCE, self.rate // REQUESTS_PER_S)
                pause = asyncio.create_task(asyncio.sleep(at_once / self.rate))
                await self._deliver(client, list(islice(load, at_once)))
                await pause

    async def _deliver(self, client: ScansClient, batch: list[dict[str, Any]]) -> None:
        answered = None
        while answered is None:
            lines = [json.dumps(event).encode() for event in batch]
            try:
                answered = await client.send(lines)
            except Unreachable:
                batch = [{**event, "event_id": uuid.uuid4().hex} for event in batch]
        self.log += lines
        results = zip(batch, answered.results, strict=True)
        self.accepted |= {str(event["event_id"]) for event, result in results if result["status"] == "accepted"}


class Plant:
    """The product under load."""

    def __init__(self, up: Running, home: Path, sender: Sender) -> None:
        """It runs; nothing is sent yet."""
        self.up = up
        self.sender = sender
        self._home = home
        self._dsn = named(up.data_dir).database

    async def gets_on(self, events: int = 100, seconds: float = GETS_ON_SECONDS) -> None:
        """Wait until so many more scans are answered for, and their effects are in the database."""
        sent, marks = len(self.sender.log), await self._marks()

        async def both() -> bool:
            self.require_running()
            return len(self.sender.log) >= sent + events and await self._marks() >= marks + events // 2

        await until(both, "scans are taken and their rows are written", seconds)

    async def up_to_date(self, seconds: float) -> None:
        """Wait until everything sent so far is in the database; the sender goes on."""
        await self._floorstream("drain", "--timeout", f"{seconds:.0f}s")

    async def has_ended(self) -> bool:
        """Has it stopped for good?"""
        return self.up.process.poll() is not None

    def looked_at(self) -> dict[str, tuple[float, int]]:
        """Stage → memory in MB, open files."""
        seen = {}
        for process in self.up.family():
            with contextlib.suppress(psutil.NoSuchProcess):  # one that is being started again
                seen[stage_of(process)] = (process.memory_info().rss / 2**20, process.num_fds())
        return {name: each for name, each in seen.items() if name}

    def require_running(self) -> None:
        """It must not have stopped for good."""
        assert self.up.process.poll() is None, "\n".join(self.up.lines[-40:])

    async def _marks(self) -> int:
        return int((await ask(self._dsn, MARKS))[0][0] or 0)

    async def refused(self, status: int, seconds: float = 20) -> None:
        """Wait until a scan is answered with this status: one that was taken before, whose repeat changes nothing."""
        async with httpx.AsyncClient(base_url=self.up.address, trust_env=False, timeout=30) as client:

            async def told() -> bool:
                return (await client.post("/v1/scans", json=[json.loads(self.sender.log[-1])])).status_code == status

            await until(told, f"a scan is answered {status}", seconds)

    async def check(self) -> None:
        """Everything answered for is in the log, the rows are its fold and that of what was sent."""
        await self._floorstream("drain", "--timeout", "120s")
        await self._floorstream("verify")
        stored = {row[0] for row in await ask(self._dsn, "SELECT DISTINCT event_id FROM raw_scans")}
        assert self.sender.accepted <= stored, f"lost: {sorted(self.sender.accepted - stored)[:10]}"
        log, plant = self._home / "log.jsonl", self._home / "plant.yaml"
        log.write_bytes(b"\n".join(self.sender.log) + b"\n")
        await self._floorstream("export", "--out", str(self._home / "exported"))
        await self._floorstream("fold", str(log), "--plant", str(plant), "--out", str(self._home / "folded"))
        for name in FILES:
            exported, folded = (self._home / each / name for each in ("exported", "folded"))
            assert exported.read_bytes() == folded.read_bytes(), f"{name} is not the fold of what was sent"
        self.require_running()

    async def _floorstream(self, *words: str) -> None:
        done = await asyncio.to_thread(self.up.floorstream, *words)
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}" + "\n".join(self.up.lines)


def stage_of(process: psutil.Process) -> str:
    """Which stage this is; empty for the rest."""
    modules = [word.rpartition(".")[2] for word in process.cmdline() if word.startswith("services.")]
    return next((module for module in modules if module in STAGES), "")


@asynccontextmanager
async def under_load(
    home: Path, brokers: str, monkeypatch: pytest.MonkeyPatch, seed: int, *, rate: int = RATE, forgetful: bool = False
) -> AsyncIterator[Plant]:
    """The product takes work and scans come in; afterwards no more come, and all must be right."""
    (home / "plant.yaml").write_text(PLANT, "utf-8")
    monkeypatch.setenv(CLUSTER, brokers)
    words = ("up", "--port", str(free_port()), "--plant", str(home / "plant.yaml"), "--broker", "given")
    with Running(home, *words, program="tests.faults.up_on_cluster") as up:
        plant = Plant(up, home, Sender(up.address, seed, rate, forgetful))
        sending = asyncio.create_task(plant.sender.run())
        try:
            await plant.gets_on()
            yield plant
            await plant.gets_on()
            plant.sender.stopping = True
            await sending
            await plant.check()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
