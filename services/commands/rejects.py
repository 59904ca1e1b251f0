"""`floorstream rejects list|replay`: the refused events and why; and sending them again once the cause is mended."""

import argparse
import asyncio
import sys

import asyncpg

from services.adapters.clock import SystemClock
from services.adapters.rejects_read import rejected
from services.adapters.timescale_pool import connect
from services.adapters.timescale_read import (
    MOST_ROWS,
    current_generation,
    newest_plant,
    reject_counts,
    rejects,
    snapshot,
)
from services.commands.options import seconds
from services.commands.rejects_replay import Again, NotSent, Sender, judged_again
from services.commands.stored import Where, add_where_options, meant
from services.core.equipment import PlantModel
from services.core.errors import BadScan, NotYet, Reason
from services.core.instant import format_instant, parse_instant

DEFAULT_ROWS = 100


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("rejects", help="the refused events: why, and sending them again")
    commands = parser.add_subparsers(dest="rejects_command", metavar="list|replay", required=True)
    listing = commands.add_parser("list", help="the newest refused events, and how many of each reason there are")
    listing.add_argument(
        "--limit", metavar="N", type=_count, default=DEFAULT_ROWS, help=f"at most N of them (default {DEFAULT_ROWS})"
    )
    listing.set_defaults(func=run_list)
    again = commands.add_parser(
        "replay",
        help="send again what would be accepted now",
        description="Judges the stored refused events under the newest plant model, with their original source and "
        "recorded time, and writes those that would be accepted now into floor.scans. Safe to repeat: an event that "
        "is there already is recognised by its event_id.",
    )
    again.add_argument("--since", metavar="TIME", type=since_us, default=0, help="recorded since: 2h, or an instant")
    again.add_argument("--dry-run", action="store_true", help="only say what would be sent")
    again.set_defaults(func=run_replay)
    for command in (listing, again):
        command.add_argument("--reason", choices=[str(r) for r in Reason], default=None, help="only this reason")
        add_where_options(command)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= MOST_ROWS:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number from 1 to {MOST_ROWS}")
    return int(text)


def since_us(text: str) -> int:
    """`2h` (ago) or an instant with offset, as µs since the epoch."""
    try:
        return parse_instant(text)
    except ValueError:
        return SystemClock().now_us() - round(seconds(text) * 1_000_000)


def run_list(arguments: argparse.Namespace) -> int:
    """Print them. Exit code 0 done, 1 it cannot be done, 2 no database named."""
    where = meant(arguments)
    if where is None:
        return 2
    try:
        asyncio.run(_list(where.database, arguments.reason, arguments.limit))
    except (asyncpg.PostgresError, OSError) as error:
        return _failed(error)
    return 0


async def _list(dsn: str, reason: str | None, limit: int) -> None:
    conn = await connect(dsn, application="floorstream rejects")
    try:
        async with snapshot(conn):
            generation = await current_generation(conn)
            rows = await rejects(conn, generation, reason, limit)
            counts = await reject_counts(conn, generation)
    finally:
        await conn.close()
    for row in rows:
        at = "http" if row["origin"] == "http" else f"{row['partition']}:{row['offset']}"
        ids = f"unit {row['unit_id'] or '?'} event {row['event_id'] or '?'}"
        said = row["detail"].get("en", "")
        print(f"{format_instant(row['recorded'])} {at} {row['source']} {row['reason']} {ids}: {said}")
    wanted = {name: count for name, count in counts.items() if reason in (None, name)}
    print(", ".join(f"{name} {count}" for name, count in wanted.items()) or "no event is refused")


def run_replay(arguments: argparse.Namespace) -> int:
    """Send them again. Exit code 0 done, 1 it cannot be done, 2 no database or no broker named."""
    where = meant(arguments)
    if where is None:
        return 2
    if not where.broker:
        print("no broker named: set FLOORSTREAM_KAFKA", file=sys.stderr)
        return 2
    try:
        again = asyncio.run(replay(where, arguments.reason, arguments.since, arguments.dry_run))
    except (asyncpg.PostgresError, OSError, NotSent, NotYet) as error:
        return _failed(error)
    tell(again, arguments.dry_run)
    return 0


def _failed(error: Exception) -> int:
    if isinstance(error, asyncpg.UndefinedTableError):
        print(f"this database has no floorstream tables ({error}): run `floorstream migrate`", file=sys.stderr)
    else:
        print(f"{error}", file=sys.stderr)
    return 1


async def replay(where: Where, reason: str | None, since: int, dry_run: bool) -> Again:
    """Send again what would be accepted now. Raises NotSent, NotYet (no plant model), or the database's error."""
    again = Again()
    sender = Sender(where.broker)
    conn = await connect(where.database, application="floorstream rejects")
    try:
        partitions = await sender.start()
        async with snapshot(conn):
            # The broker may take its time, longer than an idle transaction is allowed elsewhere.
            await conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            generation = await current_generation(conn)
            newest = await newest_plant(conn)
            if newest is None:
                raise NotYet("no plant model is stored: publish one, then replay")
            model = PlantModel.from_document(newest[1], newest[0])
            async for item in rejected(conn, generation, reason, since):
                try:
                    records = judged_again(item, model, partitions)
                except BadScan as refusal:
                    again.keep(str(refusal.reason), refusal.en)
                    continue
                again.sent[item.reason] += 1
                if not dry_run:
                    await sender.send(records)
        await sender.settle()
    finally:
        await sender.stop()
        await conn.close()
    return again


def tell(again: Again, dry_run: bool) -> None:
    """Print what was sent, what was not and why, and where to look now."""
    reasons = ", ".join(f"{name} {count}" for name, count in sorted(again.sent.items()))
    print(f"{'would send' if dry_run else 'sent'} {again.sent.total()}{f': {reasons}' if reasons else ''}")
    for name, count in sorted(again.kept.items()):
        print(f"not sent {count}: {name}, as it would be refused again; for example: {again.example[name]}")
    if again.sent and not dry_run:
        print(
            "look at `floorstream rejects list` for what was refused again (such as too_late: these events are old), "
            "and at `floorstream verify`; the refusals of before stay listed"
        )
