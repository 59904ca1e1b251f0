"""`floorstream doctor`: what is wrong with a running floorstream, and what to do about it.

Two looks at broker, database, board and stages, a few seconds apart: what stood still between them although work
waits is stuck, what moved is only behind.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiokafka.errors import KafkaError

from services.adapters import doctor_read as read
from services.adapters import migrate
from services.adapters.clock import SystemClock
from services.adapters.timescale_pool import connect
from services.adapters.timescale_read import current_generation, marks
from services.commands.options import add_instance_option, meant_instance, positive
from services.commands.scans_client import access_from_environment
from services.core.ailments import Finding, findings
from services.core.signs import Look, Signs, Space
from services.embedded.caught_up import covered
from services.embedded.instance import Instance
from services.embedded.stages import METRICS_FILE

BETWEEN_S = 3.0
ANSWER_S = 10.0
BROKER_PROGRAM = "tansu"
AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "doctor",
        help="what is wrong, and what to do about it",
        description="Looks at broker, database, board, stages, sources, refusals, notifications, subscribers, clock, "
        "disk and memory. Exit code 0 nothing found, 1 something was, 2 no floorstream named. Changes nothing.",
    )
    parser.add_argument(
        "--between",
        type=positive,
        default=BETWEEN_S,
        metavar="SECONDS",
        help=f"time between the two looks (default {BETWEEN_S:g}); longer finds slower troubles",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per finding")
    add_instance_option(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Look, judge, print."""
    instance = meant_instance(arguments, whole="doctor")
    if instance is None:
        return 2
    found = findings(asyncio.run(signs_of(instance, arguments.between)))
    for each in found:
        print(json.dumps(each._asdict(), ensure_ascii=False) if arguments.json else said(each))
    if not found and not arguments.json:
        print("nothing is wrong that I can see 未发现问题")
    return int(bool(found))


def said(finding: Finding) -> str:
    """For people."""
    return f"{finding.name}: {finding.en}\n    {finding.zh}\n    → {finding.do_en}\n    → {finding.do_zh}"


async def signs_of(instance: Instance, between_s: float) -> Signs:
    """Everything that can be seen of it; what does not answer is a sign as well."""
    unreachable: list[tuple[str, str]] = []
    seen: dict[str, Any] = {}
    headers = access_from_environment()
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_S, headers=headers) as client:
        looks = []
        for pause in (0.0, between_s):
            await asyncio.sleep(pause)
            unreachable.clear()
            looks.append(await _look(instance, client, unreachable))
        try:
            ready = (await client.get(f"{instance.address}/readyz")).json()
            seen["not_ready"] = [each for each in ready["missing"] if isinstance(each, str)]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            unreachable.append(("front", _words(error)))
        seen |= await _stages(client, Path(instance.data_dir) if instance.data_dir else None)
    if instance.database and all(part != "database" for part, _ in unreachable):
        seen |= await _asked(instance.database)
    if not unreachable:
        seen["looks"] = looks
    return Signs(
        unreachable=unreachable,
        seconds=between_s,
        spaces=_spaces(instance.data_dir),
        generation_set=int(generation) if (generation := os.environ.get("FLOORSTREAM_GENERATION", "")).isdigit() else 0,
        broker_bytes=_broker_bytes(instance.pid),
        **seen,
    )


async def _look(instance: Instance, client: httpx.AsyncClient, unreachable: list[tuple[str, str]]) -> Look:
    ends: Mapping[int, int] = {}
    rows: Mapping[int, int] = {}
    board: Mapping[int, int] = {}
    told: Mapping[str, int] = {}
    generation = 1
    try:
        conn = await connect(instance.database, application="floorstream doctor", command_timeout=ANSWER_S)
        try:
            if not await migrate.missing(conn):
                generation = await current_generation(conn)
                rows = await marks(conn, generation)
                told = await read.told(conn, generation)
        finally:
            await conn.close()
    except AWAY as error:
        unreachable.append(("database", _words(error)))
    try:
        ends = await read.log_ends(instance.broker)
    except (KafkaError, OSError, TimeoutError) as error:
        unreachable.append(("broker", _words(error)))
    with contextlib.suppress(httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        board = covered((await client.get(f"{instance.address}/v1/operations")).json(), generation)
    return Look(ends, rows, board, told)


async def _asked(dsn: str) -> dict[str, Any]:
    """What the database knows."""
    conn = await connect(dsn, application="floorstream doctor", command_timeout=ANSWER_S)
    try:
        off = await read.clock_off_s(conn, SystemClock().now_us() / 1_000_000)
        lacking = await migrate.missing(conn)
        if lacking:
            return {"migrations": lacking, "clock_off_s": off}
        generation = await current_generation(conn)
        return {
            "generation": generation,
            "clock_off_s": off,
            "sources": await read.sources(conn, generation),
            "partitions": await read.partitions(conn, generation),
            "refusals": await read.refusals(conn, generation),
            "waiting": await read.waiting(conn, generation),
            "untold": await read.untold(conn, generation),
        }
    finally:
        await conn.close()


async def _stages(client: httpx.AsyncClient, data_dir: Path | None) -> dict[str, Any]:
    """The stages beside the stack of a data directory, by their metrics; elsewhere Prometheus watches them."""
    try:
        addresses: dict[str, str] = json.loads((data_dir / METRICS_FILE).read_text("utf-8")) if data_dir else {}
    except (OSError, ValueError):
        addresses = {}
    answers = {stage: await read.gauges(client, address) for stage, address in addresses.items() if stage != "front"}
    known: dict[str, float] = {}
    for answer in answers.values():
        known |= answer or {}
    return {"silent_stages": [stage for stage, answer in answers.items() if answer is None], "gauges": known}


def _spaces(data_dir: str) -> list[Space]:
    spaces = []
    if data_dir:
        usage = shutil.disk_usage(data_dir)
        spaces.append(Space(f"disk of {data_dir}", usage.free, usage.total))
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text("ascii").splitlines())
        free, total = (int(lines[name].split()[0]) * 1024 for name in ("MemAvailable", "MemTotal"))
        spaces.append(Space("memory", free, total))
    except (OSError, ValueError, LookupError):
        print("/proc/meminfo cannot be read: memory is not judged", file=sys.stderr)
    return spaces


def _broker_bytes(supervisor: int | None) -> int:
    """Memory of the embedded broker, a child of the stack's supervisor; 0 where there is none."""
    with contextlib.suppress(OSError, ValueError, LookupError):
        for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text("ascii").split():
            if BROKER_PROGRAM in Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace"):
                pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
                return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
