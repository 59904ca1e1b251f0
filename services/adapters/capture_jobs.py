"""EPCIS capture jobs for those who ask again: in the database, so that a restart forgets none.

    add ─► in memory ─► the table (tried once before the answer, then again and again in the background)

A capture is done when the log has its events, so no trouble of the database makes one fail. While the database is away,
and where there is none, the newest jobs are remembered by this process alone.
"""

import asyncio
import base64
import binascii
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec

from services.adapters.ingest_tables import SQL, reached
from services.adapters.plant_publish import TablesAway
from services.adapters.statements import statements

log = logging.getLogger(__name__)

MOST_IN_MEMORY = 500
KEPT_DAYS = 30
WAIT_SECONDS = 1.0
"""How long an answer waits for the database; a job that is not stored by then is stored later."""
RETRY_SECONDS = 2.0
FORGET_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class CaptureError:
    """Why the event at `index` of the document was refused; the words by language."""

    index: int
    reason: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class CaptureJob:
    """A finished capture. Instants in µs; `behaviour`: rollback or proceed."""

    capture_id: str
    created: int
    finished: int
    source: str
    behaviour: str
    accepted: int
    rejected: int
    rolled_back: int
    errors: tuple[CaptureError, ...]

    @property
    def place(self) -> tuple[int, str]:
        """By what jobs are put in order."""
        return self.created, self.capture_id


Place = tuple[int, str]


class CaptureJobs:
    """The jobs of all processes on one database; without one, those of this process."""

    def __init__(self, pool: asyncpg.Pool | None = None) -> None:
        """Connects when the first job is kept or asked for."""
        self._pool = pool
        self._sql = statements(SQL)
        self._waiting: OrderedDict[str, CaptureJob] = OrderedDict()
        self._storing = asyncio.Lock()
        self._troubled = False

    async def add(self, job: CaptureJob) -> None:
        """Remember a job. Never raises for the database's sake."""
        self._waiting[job.capture_id] = job
        while len(self._waiting) > MOST_IN_MEMORY:
            self._waiting.popitem(last=False)
        if self._troubled:
            return  # nobody waits for a database that is known to be away
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._store()
        except (TablesAway, TimeoutError) as error:
            self._say(error)

    async def get(self, capture_id: str, source: str | None) -> CaptureJob | None:
        """A job, of this source where one is given. Raises TablesAway."""
        job = self._waiting.get(capture_id)
        if job is not None:
            return job if source in (None, job.source) else None
        if self._pool is None:
            return None
        row = await reached(self._pool.fetchrow(self._sql["capture"], capture_id, source))
        return None if row is None else _job(row)

    async def page(self, source: str | None, before: Place | None, most: int) -> list[CaptureJob]:
        """The newest jobs before that place, newest first. Raises TablesAway."""
        found = {
            job.capture_id: job
            for job in list(self._waiting.values())
            if source in (None, job.source) and (before is None or job.place < before)
        }
        if self._pool is not None:
            created, capture_id = before or (None, None)
            rows = await reached(self._pool.fetch(self._sql["captures"], source, created, capture_id, most))
            found |= {row["capture_id"]: _job(row) for row in rows}
        return sorted(found.values(), key=lambda job: job.place, reverse=True)[:most]

    async def run(self) -> None:
        """Store what could not be stored at once, and forget what is old. Until cancelled."""
        loop, forgotten = asyncio.get_running_loop(), float("-inf")
        while self._pool is not None:
            try:
                await self._store()
                if loop.time() - forgotten > FORGET_SECONDS:
                    await reached(self._pool.execute(self._sql["forget_captures"], KEPT_DAYS))
                    forgotten = loop.time()
            except TablesAway as error:
                self._say(error)
            await asyncio.sleep(RETRY_SECONDS)
        await asyncio.Event().wait()

    async def _store(self) -> None:
        if self._pool is None:
            return
        async with self._storing:
            for job in list(self._waiting.values()):
                await reached(self._pool.execute(self._sql["keep_capture"], *_row(job)))
                self._waiting.pop(job.capture_id, None)
        if self._troubled:
            log.warning("capture jobs are stored again")
            self._troubled = False

    def _say(self, error: Exception) -> None:
        if not self._troubled:
            log.warning(
                "capture jobs are in memory only for now (%s); they are stored when the database is back", error
            )
        self._troubled = True


def token_of(place: Place) -> str:
    """The place as a word for addresses."""
    return base64.urlsafe_b64encode(f"{place[0]}.{place[1]}".encode()).decode().rstrip("=")


def place_of(token: str) -> Place:
    """The place that such a word stands for. Raises ValueError."""
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("not a page token") from error
    created, point, capture_id = text.partition(".")
    if not (point and created.isascii() and created.isdigit() and len(created) <= 17 and "\0" not in capture_id):
        raise ValueError("not a page token")
    return int(created), capture_id


def _row(job: CaptureJob) -> tuple[object, ...]:
    return (
        job.capture_id, job.created, job.finished, job.source, job.behaviour, job.accepted, job.rejected,
        job.rolled_back, msgspec.json.encode(job.errors).decode(),
    )  # fmt: skip


def _job(row: Any) -> CaptureJob:
    return CaptureJob(
        row["capture_id"], row["created"], row["finished"], row["source"], row["behaviour"], row["accepted"],
        row["rejected"], row["rolled_back"], msgspec.json.decode(row["errors"], type=tuple[CaptureError, ...]),
    )  # fmt: skip
