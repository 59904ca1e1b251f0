"""`floorstream replay FILE…`: logs into a running system, with progress, and what became of every line."""

import argparse
import asyncio
import sys
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from services.adapters.files.mapped import EventFile
from services.commands.log_file import lines_of
from services.commands.log_options import FORMATS_HELP, HowRead, add_log_options, how_read
from services.commands.options import add_instance_option, meant_instance, positive
from services.commands.replay_http import over_http
from services.commands.replay_kafka import over_kafka
from services.commands.replay_report import REFUSED, Positions, RefusedReport
from services.commands.replay_tally import NotSent, OfFile, Tally

_ABOUT = """\
Sends every event of one or more files, in their order: JSON Lines of events as they stand, CSV with columns named
like the fields of an event, XES; and CSV, Excel, XES or JSON of any other system by a mapping file.

  floorstream replay events.jsonl
  floorstream replay export.csv --columns unit_id=序列号,event_time=时间,operation_id=工序,action=状态 \\
      --actions 开工=start,完工=finish --time-zone Asia/Shanghai
  floorstream replay mes/*.xlsx --mapping mes.yaml --report refused.csv
  floorstream replay mes/*.xlsx --mapping mes.yaml --resume

Encoding and delimiter are found by reading, and said. A record that cannot be read, mapped or accepted is refused
with its line and the reason, in a CSV beside the first file; the others go on. Repeats are recognised by their
event_id, which is made of the file's name, the line and what stands there where none is mapped; so a replay that was
broken off may be done again, or with --resume from where its verdicts ended (FILE.position, gone when all is sent).

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
    parser.add_argument("files", type=Path, metavar="FILE", nargs="+", help=FORMATS_HELP)
    parser.add_argument("--via", choices=("http", "kafka"), default="http", help="default: http")
    parser.add_argument("--rate", type=positive, metavar="N", help="at most so many lines per second")
    parser.add_argument("--source", default="kafka", help="of lines that name none; default kafka, as `fold` takes it")
    parser.add_argument("--strict", action="store_true", help="exit 1 also if a line was refused")
    parser.add_argument("--resume", action="store_true", help="go on where a replay of these files was broken off")
    parser.add_argument(
        "--report", type=Path, metavar="R.csv", help=f"what was refused; default the first FILE with {REFUSED}"
    )
    add_log_options(parser)
    add_instance_option(parser)
    parser.set_defaults(func=run)


@dataclass
class _Feed:
    """The lines of all files, one after the other."""

    files: list[Path]
    how: HowRead
    positions: Positions
    now: Path = field(default_factory=Path)
    number: int = 0
    file: EventFile | None = None

    def lines(self) -> Iterator[OfFile]:
        for path in self.files:
            self.number, self.now = self.number + 1, path
            place, why = self.positions.of(path)
            if why is not None:
                print(f"{path}: {why} 文件或读取方式已改变，从头开始", file=sys.stderr)
            elif place.mark:
                print(f"{path}: goes on behind line {place.line} 从第 {place.line} 行之后继续", file=sys.stderr)
            self.file = file = self.how.file(path)
            for line in lines_of(file, place):
                yield OfFile(path, line)
            print(f"{path}: {file.written}, {file.place.line} lines 共 {file.place.line} 行", file=sys.stderr)

    def share(self) -> str:
        """How much of it was read, as far as that can be told."""
        of_files = f"file {self.number} of {len(self.files)}"
        read = None if self.file is None else self.file.share()
        return of_files if read is None else f"{of_files}, {read:.0%} of it"


def run(arguments: argparse.Namespace) -> int:
    """Send it; exit code 0 all sent, 1 not all (or, --strict, not all accepted), 2 no floorstream named."""
    instance = meant_instance(arguments)
    if instance is None:
        return 2
    if arguments.via == "kafka" and not instance.broker:
        print("--via kafka needs FLOORSTREAM_KAFKA", file=sys.stderr)
        return 2
    try:
        how = how_read(arguments)
        positions = Positions(_said(arguments), go_on=arguments.resume)
    except (OSError, ValueError) as error:
        print(f"cannot use these options 选项有误: {error}", file=sys.stderr)
        return 2
    first = arguments.files[0]
    report = RefusedReport(arguments.report or first.with_name(first.name + REFUSED), go_on=arguments.resume)
    tally = Tally(refuse=report.write, reached=positions.reached)
    feed = _Feed(arguments.files, how, positions)
    failed: str | None = None
    try:
        if arguments.via == "http":
            sending = over_http(instance.address, feed.lines(), arguments.source, arguments.rate, tally)
        else:
            sending = over_kafka(instance.broker, feed.lines(), arguments.source, arguments.rate, tally)
        asyncio.run(_told(sending, tally, feed))
    except NotSent as error:
        failed = str(error)
    except (OSError, ValueError) as error:
        failed = f"{feed.now}: {error}"
    finally:
        report.close()
        positions.save()
    if failed is None:
        positions.forget()
    return _ended(tally, report, positions, arguments, failed)


def _said(arguments: argparse.Namespace) -> list[str]:
    """What decides how files are read."""
    mapping = "" if arguments.mapping is None else arguments.mapping.read_text("utf-8", "replace")
    words = (arguments.columns, arguments.actions, arguments.time_zone, arguments.encoding)
    return [mapping, *(word or "" for word in words)]


def _ended(
    tally: Tally, report: RefusedReport, positions: Positions, arguments: argparse.Namespace, failed: str | None
) -> int:
    for line in summary(tally, arguments.via):
        print(line)
    if report.count and report.trouble is None:
        print(f"each with its line and reason 逐行原因见: {report.path}")
    for trouble in filter(None, (report.trouble, positions.trouble)):
        print(f"cannot be written 无法写入: {trouble}", file=sys.stderr)
    if failed is not None:
        print(f"not everything was sent 未全部发送: {failed}", file=sys.stderr)
        print("the same again with --resume goes on from there 加 --resume 重新运行即可继续", file=sys.stderr)
    return 1 if failed is not None or tally.unsent or (arguments.strict and tally.refused.total()) else 0


async def _told(sending: Coroutine[None, None, None], tally: Tally, feed: _Feed) -> None:
    """Send, and meanwhile say how far it has come."""
    telling = asyncio.create_task(_tell(tally, feed))
    try:
        await sending
    finally:
        telling.cancel()
        await asyncio.wait([telling])


async def _tell(tally: Tally, feed: _Feed) -> None:
    terminal, begun = sys.stderr.isatty(), time.monotonic()
    try:
        while True:
            await asyncio.sleep(TERMINAL_SECONDS if terminal else FILE_SECONDS)
            pace = tally.settled / (time.monotonic() - begun)
            refused = tally.refused.total()
            print(
                f"{tally.settled:,} lines, {pace:,.0f}/s, {refused:,} refused, {feed.share()}",
                end="\r" if terminal else "\n", file=sys.stderr, flush=True,
            )  # fmt: skip
    finally:
        if terminal:
            print(" " * 70, end="\r", file=sys.stderr)


def summary(tally: Tally, via: str) -> Iterator[str]:
    """What became of the lines."""
    refused = tally.refused.total()
    if via == "kafka":
        yield f"{tally.settled} of {tally.read} lines are in the log; refusals: floorstream rejects list"
        if refused or tally.unsent:
            yield f"  {refused} could not be read, {tally.unsent} could not be sent"
        return
    yield f"{tally.read} lines read, {tally.accepted} accepted, {refused} refused, {tally.unsent} too long to send"
    for reason, count in sorted(tally.refused.items()):
        yield f"  refused {count}: {reason}"
