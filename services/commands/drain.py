"""`floorstream drain`: returns when every stage has caught up with everything that was sent before.

A barrier is written into every partition of floor.scans; no fold reads it. When the database and the board cover the
barriers' offsets, all that came before them is in the rows and in the counts.
"""

import argparse
import asyncio
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg
import httpx
import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.adapters.timescale_pool import connect
from services.adapters.timescale_read import current_generation, marks
from services.commands.options import add_instance_option, meant_instance, seconds
from services.commands.scans_client import access_from_environment
from services.embedded.caught_up import covered
from services.embedded.instance import Instance
from services.topology import MARKER_HEADER, MARKER_KEY, SCANS

POLL_SECONDS = 0.1
ANSWER_SECONDS = 10.0


class CannotTell(Exception):
    """Nobody can say how far the stages are; the message says why."""


@dataclass(frozen=True)
class Progress:
    """Source offsets up to which the rows and the board are complete, by partition of floor.scans."""

    rows: Mapping[int, int] = field(default_factory=dict)
    board: Mapping[int, int] = field(default_factory=dict)

    def behind(self, barriers: Mapping[int, int]) -> list[str]:
        """One line per stage that has not reached the barriers; empty when all have."""
        rows, board = lag(self.rows, barriers), lag(self.board, barriers)
        if rows and board:
            return [f"track (and whatever follows it) is behind by {told(rows)} for rows, {told(board)} for counts"]
        stores = [f"store is behind: the rows lack {told(rows)}"] if rows else []
        return [*stores, f"aggregate or show is behind: the counts lack {told(board)}"] if board else stores


def lag(reached: Mapping[int, int], barriers: Mapping[int, int]) -> dict[int, int]:
    """How many offsets each partition lacks; those that lack none are left out."""
    found = {partition: barrier - reached.get(partition, -1) for partition, barrier in barriers.items()}
    return {partition: lacking for partition, lacking in found.items() if lacking > 0}


def told(lacking: Mapping[int, int]) -> str:
    """For people: how much, and where."""
    where = ", ".join(f"{partition}: {count}" for partition, count in sorted(lacking.items()))
    return f"{sum(lacking.values())} records (partition {where})"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "drain",
        help="returns when every stage has caught up",
        description="Returns 0 when all that was sent before is in the database and on the board, 1 at the timeout.",
    )
    parser.add_argument("--timeout", type=seconds, default=60.0, metavar="60s", help="give up after; default 60s")
    add_instance_option(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Wait; exit code 0 caught up, 1 not, 2 no floorstream named."""
    instance = meant_instance(arguments, whole="drain")
    if instance is None:
        return 2
    try:
        behind = asyncio.run(drain(instance, arguments.timeout))
    except CannotTell as error:
        print(error, file=sys.stderr)
        return 1
    for line in behind:
        print(line, file=sys.stderr)
    if not behind:
        print("every stage has caught up 所有环节均已追上")
    return 1 if behind else 0


async def drain(instance: Instance, timeout_s: float) -> list[str]:
    """Until everything has caught up, or the time is over; who is behind then. Raises CannotTell."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    barriers = await set_barriers(instance.broker)
    conn = await _database(instance.database)
    client = httpx.AsyncClient(
        base_url=instance.address, trust_env=False, timeout=ANSWER_SECONDS, headers=access_from_environment()
    )
    try:
        async with client:
            while True:
                behind = (await progress(conn, client)).behind(barriers)
                if not behind or loop.time() >= deadline:
                    return behind
                await asyncio.sleep(POLL_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise CannotTell(f"the database does not answer: {error}") from error
    finally:
        await conn.close()


async def _database(dsn: str) -> asyncpg.Connection:
    try:
        return await connect(dsn, application="floorstream drain", command_timeout=ANSWER_SECONDS)
    except (asyncpg.PostgresError, OSError) as error:
        raise CannotTell(f"the database does not answer: {error}") from error


async def set_barriers(brokers: str) -> dict[int, int]:
    """Write one into every partition of floor.scans; their offsets. Raises CannotTell."""
    producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", client_id="floorstream-drain")
    try:
        await producer.start()
        partitions = sorted(await producer.partitions_for(SCANS.name))
        value = msgspec.json.encode({"barrier": uuid.uuid4().hex})
        headers = [(MARKER_HEADER, b"1")]
        sends = [
            producer.send_and_wait(SCANS.name, value, key=MARKER_KEY, partition=partition, headers=headers)
            for partition in partitions
        ]
        return {partition: ack.offset for partition, ack in zip(partitions, await asyncio.gather(*sends), strict=True)}
    except (KafkaError, OSError) as error:
        raise CannotTell(f"the broker at {brokers} does not answer: {error or type(error).__name__}") from error
    finally:
        await producer.stop()


async def progress(conn: asyncpg.Connection, client: httpx.AsyncClient) -> Progress:
    """How far rows and board are now. Raises CannotTell."""
    generation = await current_generation(conn)
    rows = await marks(conn, generation)
    try:
        answer = await client.get("/v1/operations")
        answer.raise_for_status()
        coverage = covered(answer.json(), generation)
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise CannotTell(f"{client.base_url}v1/operations: {error or type(error).__name__}") from error
    return Progress(rows, coverage)
