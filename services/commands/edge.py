"""`floorstream edge`: read devices and brokers beside the machines, keep what they said, and send it."""

import argparse
import sqlite3
import sys
from pathlib import Path

from services.adapters.clock import moment
from services.adapters.edge_file import BadEdge, EdgeFile
from services.adapters.spool_file import NAME, SpoolLost, open_database, read_lanes, read_refused, refused_reasons
from services.core.instant import format_instant
from services.edge.app import main as run_edge

EXAMPLE = Path(__file__).parents[2] / "schemas" / "edge_example.yaml"

_HELP = """\
Reads scanners, watched folders and MQTT brokers beside the machines and keeps what was read on the disk until the
server has said what became of it.

  floorstream edge new edge.yaml                 a commented example to start from
  floorstream edge check edge.yaml               every error with its line
  floorstream edge --config edge.yaml            run; SIGINT or SIGTERM ends it
  floorstream edge status --config edge.yaml     what waits, what was sent, what was refused and why
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "edge", help="read scanners, files and MQTT brokers beside the machines and send it all, whatever is away",
        description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--config", type=Path, metavar="FILE", help="the edge file")
    parser.set_defaults(func=_run)
    commands = parser.add_subparsers(dest="edge_command", metavar="new|check|status")
    new = commands.add_parser("new", help="write a commented example; an existing file is never overwritten")
    new.add_argument("file", type=Path, metavar="FILE")
    new.set_defaults(func=_new)
    check = commands.add_parser("check", help="find every error of an edge file")
    check.add_argument("file", type=Path, metavar="FILE")
    check.set_defaults(func=_check)
    status = commands.add_parser("status", help="what waits in the queue, what was sent, what was refused and why")
    status.add_argument("--config", type=Path, metavar="FILE", required=True, help="the edge file")
    status.add_argument("--refused", type=int, default=5, metavar="N", help="show the last N refused; default 5")
    status.set_defaults(func=_status)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.config is None:
        print("floorstream edge: say --config FILE, or new, check, status; see --help 请指定 --config", file=sys.stderr)
        return 2
    return run_edge(arguments.config)


def _new(arguments: argparse.Namespace) -> int:
    try:
        with arguments.file.open("x", encoding="utf-8") as file:
            file.write(EXAMPLE.read_text("utf-8"))
    except OSError as error:
        print(f"{arguments.file}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{arguments.file} written. Edit it, then: floorstream edge check {arguments.file} 已写入，请编辑后检查")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    try:
        file = EdgeFile(arguments.file)
    except BadEdge as error:
        print(error)
        return 1
    document = file.document
    brokers = len(document.mqtt) + len(document.sparkplug)
    read = f"{len(document.scanners)} scanners, {len(document.folders)} folders, {brokers} brokers"
    print(f"{arguments.file}: good: {read} 正确")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    try:
        database = open_database(EdgeFile(arguments.config).spool_directory / NAME, read_only=True)
    except (BadEdge, SpoolLost) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        now = moment().wall_us
        for lane in read_lanes(database):
            oldest = "" if lane.oldest_us is None else f", the oldest for {max(0, now - lane.oldest_us) / 1e6:.0f} s"
            print(f"{lane.source} {lane.kind}: {lane.queued} wait{oldest}; {lane.sent} sent, {lane.refused} refused")
        for source, reason, number in refused_reasons(database):
            print(f"refused 被拒: {source}: {reason}: {number}")
        for each in read_refused(database, max(0, arguments.refused)):
            said = each.en if each.en == each.zh else f"{each.en} / {each.zh}"
            print(f"  {format_instant(each.at)} {each.source} {each.reason}: {said}: {each.body[:200]!r}")
    except sqlite3.Error as error:
        print(f"the queue cannot be read 无法读取队列: {error}", file=sys.stderr)
        return 2
    finally:
        database.close()
    return 0
