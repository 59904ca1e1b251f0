"""`floorstream demo`: the whole system on this machine with a simulated plant, its history, and a live board."""

import argparse
import json
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from services.commands.options import seconds
from services.commands.up import add_stack_options, channels_usable, plant_of, started
from services.embedded.child import Child
from services.embedded.instance import Instance
from services.embedded.stack import Stack
from services.embedded.stages import PACKAGES, child_environment, python
from services.embedded.supervisor import say

PLANT = PACKAGES / "loadtest" / "demo_plant.yaml"
FEED = "loadtest.feed"
MOST_BACKFILL_SECONDS = 2 * 3600.0
POLL_SECONDS = 0.5
STEPS = 4
"""How many times the progress of the history is told."""

FIRST = """\
A simulated plant on this machine; nothing is installed and nothing is kept. Ctrl-C ends it.
本机上的模拟工厂：无需安装，不保留任何数据。按 Ctrl-C 结束。"""

LOOK = """\
    Look at {address} in a browser: 12 operations, about 20 scans a second. Test is the bottleneck; every ten minutes
    the placer of line 2 stops and units pile up before it. History of the last {backfill} follows in the background.
    请用浏览器打开 {address}：12 道工序，每秒约 20 次采集。测试是瓶颈；二号线贴片机每十分钟停机片刻，单元在其前堆积。
    最近 {backfill} 的历史数据在后台补录。
    Then, in another terminal 然后在另一个终端:
        floorstream scan MY-UNIT-1 L1.PRINT-IN      a scan by hand 手动采集一次
        floorstream verify                          are all numbers right? 所有数字都正确吗？
        floorstream export --out files              the rows as files 导出数据文件"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="everything on this machine with a simulated plant, and a live board",
        description="Starts everything with a simulated plant and prints `ready http://127.0.0.1:PORT`: open it.",
    )
    add_stack_options(parser, "where everything is kept; default: a new directory that is removed at the end")
    parser.add_argument(
        "--backfill", type=backfill, default="2h", metavar="2h", help="simulated history, 0s to 2h; default 2h"
    )
    parser.set_defaults(func=run)


def backfill(text: str) -> float:
    """Seconds of history; more than two hours would be too many events for a demonstration."""
    length = seconds(text)
    if length > MOST_BACKFILL_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r}: at most 2h")
    return length


def run(arguments: argparse.Namespace) -> int:
    """Run it; exit code 0 stopped as asked, 1 it could not start, 2 usage, 70 a guarantee could not be kept."""
    plant = plant_of(PLANT)
    if plant is None:
        return 1
    if not channels_usable(arguments.channels):
        return 2
    given: Path | None = arguments.data_dir
    data_dir = given or Path(tempfile.mkdtemp(prefix="floorstream-demo-"))
    say(FIRST)

    def simulated(here: Instance) -> Sequence[Child]:
        say(LOOK.format(address=here.address, backfill=f"{arguments.backfill / 3600:g} h"))
        progress = data_dir / "history.json"
        progress.unlink(missing_ok=True)
        threading.Thread(target=tell_progress, args=(progress,), daemon=True).start()
        words = ["--url", here.address, "--backfill", f"{arguments.backfill:.0f}s", "--progress", str(progress)]
        return [Child("plant", python(FEED, *words), child_environment({}), door=True)]

    try:
        return started(
            Stack(
                data_dir=data_dir, plant=plant, plant_given=True, port=arguments.port, fresh=arguments.fresh,
                duration=arguments.duration, more=simulated, channels=arguments.channels,
                public_url=arguments.public_url,
            )
        )  # fmt: skip
    finally:
        if given is None:
            shutil.rmtree(data_dir, ignore_errors=True)


def tell_progress(file: Path) -> None:
    """Say now and then how much of the history has been sent, until all of it has."""
    told, pause = 0, threading.Event()
    while told < STEPS:
        pause.wait(POLL_SECONDS)
        try:
            sent, total = (int(json.loads(file.read_bytes())[name]) for name in ("sent", "total"))
        except (OSError, ValueError, KeyError):
            continue
        step = STEPS * sent // total if total else STEPS
        if step > told and total:
            say(f"    history 历史数据: {sent:,} / {total:,}")
        told = step
