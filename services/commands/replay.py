"""`floorstream replay FILE`: a log into a running system, with progress, and what became of every line."""

import argparse
import asyncio
import sys
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path

from services.commands.fold import add_log_options, lines_of
from services.commands.options import add_instance_option, meant_instance, positive
from services.commands.replay_http import over_http
from services.commands.replay_kafka import over_kafka
from services.commands.replay_tally import NotSent, Tally

_ABOUT = """\
Sends every line of a log, as it stands, in the order of the file. Repeats are recognised by their event_id, so a
replay that was broken off is simply done again.

  --via http   through the front door, like a scanner's gateway: verdicts at once, clocks corrected, ids made
  --via kafka  straight into floor.scans, like any Kafka producer: fastest; verdicts by `floorstream rejects list`
"""
TERMINAL_SECONDS, FILE_SECONDS = 0.5, 5.0


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "replay", help="a log into a running system", description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("file", type=Path, metavar="FILE", help="JSON Lines of events, or CSV (see --columns)")
    parser.add_argument("--via", choices=("http", "kafka"), default="http", help="default: http")
    parser.add_argument("--rate", type=positive, metavar="N", help="at most so many lines per second")
    parser.add_argument("--source", default="kafka", help="of lines that name none; default kafka, as `fold` takes it")
    parser.add_argument("--strict", action="store_true", help="exit 1 also if a line was refused")
    add_log_options(parser)
    add_instance_option(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Send it; exit code 0 all sent, 1 not all (or, --strict, not all accepted), 2 no floorstream named."""
    instance = meant_instance(arguments)
    if instance is None:
        return 2
    if arguments.via == "kafka" and not instance.broker:
        print("--via kafka needs FLOORSTREAM_KAFKA", file=sys.stderr)
        return 2
    tally = Tally()
    failed: str | None = None
    try:
        lines = lines_of(arguments)
        if arguments.via == "http":
            asyncio.run(_told(over_http(instance.address, lines, arguments.source, arguments.rate, tally), tally))
        else:
            asyncio.run(_told(over_kafka(instance.broker, lines, arguments.source, arguments.rate, tally), tally))
    except (NotSent, OSError, ValueError) as error:
        failed = str(error)
    for line in summary(tally, arguments.via):
        print(line)
    if failed is not None:
        print(f"not everything was sent 未全部发送: {failed}", file=sys.stderr)
    return 1 if failed is not None or tally.unsent or (arguments.strict and tally.refused.total()) else 0


async def _told(sending: Coroutine[None, None, None], tally: Tally) -> None:
    """Send, and meanwhile say how far it has come."""
    telling = asyncio.create_task(_tell(tally))
    try:
        await sending
    finally:
        telling.cancel()
        await asyncio.wait([telling])


async def _tell(tally: Tally) -> None:
    terminal, begun = sys.stderr.isatty(), time.monotonic()
    try:
        while True:
            await asyncio.sleep(TERMINAL_SECONDS if terminal else FILE_SECONDS)
            pace = tally.settled / (time.monotonic() - begun)
            print(
                f"{tally.settled:,} lines, {pace:,.0f}/s", end="\r" if terminal else "\n", file=sys.stderr, flush=True
            )
    finally:
        if terminal:
            print(" " * 40, end="\r", file=sys.stderr)


def summary(tally: Tally, via: str) -> Iterator[str]:
    """What became of the lines."""
    if via == "kafka":
        yield f"{tally.settled} of {tally.read} lines are in the log; refusals: floorstream rejects list"
        return
    refused = tally.refused.total()
    yield f"{tally.read} lines read, {tally.accepted} accepted, {refused} refused, {tally.unsent} too long to send"
    for reason, count in sorted(tally.refused.items()):
        yield f"  refused {count}: {reason}"
