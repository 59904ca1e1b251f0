"""The tables ingest asks: claims of plant-model versions, and the machine events that were stored."""

from collections.abc import Awaitable
from typing import Any, TypeVar

import asyncpg
import msgspec

from services.adapters.plant_master import PlantRecord, as_record
from services.adapters.plant_publish import TablesAway
from services.adapters.statements import statements
from services.core.instant import format_instant

SQL = "ingest"
_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
Answer = TypeVar("Answer")


class IngestTables:
    """Over a pool of timescale_pool: instants are µs. All raise TablesAway where the database does not answer."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Connects when first asked."""
        self._pool = pool
        self._sql = statements(SQL)

    async def claim(self, record: PlantRecord) -> bool:
        """Take this version of the plant model; False when somebody has it."""
        model = msgspec.json.encode(record.model).decode()
        found = await reached(
            self._pool.fetchval(self._sql["claim_plant"], record.version, record.created_us, record.created_by, model)
        )
        return found is not None

    async def after(self, version: int) -> list[PlantRecord]:
        """The claimed versions beyond this one, lowest first."""
        return [as_record(row) for row in await reached(self._pool.fetch(self._sql["plants_after"], version))]

    async def machine_events(
        self, work_unit_id: str | None, since_us: int | None, until_us: int | None, most: int
    ) -> list[dict[str, Any]]:
        """Stored machine events, newest first; `since_us` included, `until_us` not."""
        rows = await reached(self._pool.fetch(self._sql["machine_events"], work_unit_id, since_us, until_us, most))
        return [
            {
                "event_time": format_instant(row["event_time"]),
                "work_unit_id": row["work_unit_id"],
                "state": row["state"],
                "counter": None if row["counter"] is None else msgspec.json.decode(row["counter"]),
                "recorded_time": format_instant(row["recorded"]),
                "source": row["source"],
            }
            for row in rows
        ]


async def reached(answer: Awaitable[Answer]) -> Answer:
    """What the database answers. Raises TablesAway where it does not."""
    try:
        return await answer
    except _AWAY as error:
        raise TablesAway(f"{type(error).__name__}: {error}") from error
