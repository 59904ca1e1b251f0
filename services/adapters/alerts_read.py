"""What the database has of an alert: its versions, who did what about it, and where its units are now.

Instants are int µs. Versions in which only the list of units or the value moved are left out: they are the alert's
present, not its history.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from services.adapters.statements import statements

Row = dict[str, Any]

MOST_ROWS = 200


class AlertRows:
    """Rows for the routes, from a pool of timescale_pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """The pool is closed by who opened it."""
        self._pool = pool

    async def of(self, alert_id: str, units: Sequence[Mapping[str, Any]]) -> dict[str, list[Row]]:
        """Of one alert and the units it names:

        changes       its last versions, newest first
        actions       what people did last, newest first; what was sent several times is there once
        whereabouts   per unit: status, operations, phase now, and `left_us`, when the stay that the alert names ended
        """
        unit_ids, visit_ids = [unit["unit_id"] for unit in units], [unit["visit_id"] for unit in units]
        async with self._pool.acquire() as conn:
            asked = {
                "changes": await conn.fetch(_sql("alert_changes"), alert_id, MOST_ROWS),
                "actions": await conn.fetch(_sql("alert_actions"), alert_id, MOST_ROWS),
                "whereabouts": await conn.fetch(_sql("whereabouts"), unit_ids, visit_ids),
            }
        return {name: [dict(row) for row in rows] for name, rows in asked.items()}


def _sql(name: str) -> str:
    return statements("show")[name]
