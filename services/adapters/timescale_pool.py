"""Connections to the database with every deadline set, because a dead socket must never hold a stage.

Instants are int µs since the epoch in UTC on these connections, in both directions: exact, and without objects.
"""

import logging
from collections.abc import Awaitable, Callable

import asyncpg

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 10.0
SERVER_SETTINGS = {
    "timezone": "UTC",
    "statement_timeout": "9000",  # ms; below the client's own deadline, so that the server ends what we gave up
    "idle_in_transaction_session_timeout": "15000",
    "tcp_user_timeout": "10000",
}
POSTGRES_EPOCH_US = 946_684_800_000_000
"""2000-01-01, from which the server counts its µs."""

Setup = Callable[[asyncpg.Connection], Awaitable[None]]


async def open_pool(
    dsn: str, *, application: str, maximum: int = 4, settings: dict[str, str] | None = None, setup: Setup | None = None
) -> asyncpg.Pool:
    """A pool without a first connection: it opens when one is asked for, so a database may come later."""

    async def prepare(conn: asyncpg.Connection) -> None:
        await read_instants_as_us(conn)
        if setup is not None:
            await setup(conn)

    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=maximum,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings={**SERVER_SETTINGS, "application_name": application, **(settings or {})},
        init=prepare,
    )


async def connect(dsn: str, *, application: str, command_timeout: float | None = None) -> asyncpg.Connection:
    """One connection for a command; `command_timeout` in seconds, None for exports that take their time."""
    settings = {**SERVER_SETTINGS, "application_name": application}
    settings["statement_timeout"] = str(int((command_timeout or 0) * 1000))
    conn = await asyncpg.connect(
        dsn, timeout=CONNECT_SECONDS, command_timeout=command_timeout, server_settings=settings
    )
    await read_instants_as_us(conn)
    return conn


async def read_instants_as_us(conn: asyncpg.Connection) -> None:
    """Make timestamptz of this connection int µs since 1970 in UTC."""
    await conn.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        format="tuple",
        encoder=lambda us: (us - POSTGRES_EPOCH_US,),
        decoder=lambda value: value[0] + POSTGRES_EPOCH_US,
    )
