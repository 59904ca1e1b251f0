"""`floorstream up`: the whole system on this machine, for your own plant and your own scans."""

import argparse
import sys
from pathlib import Path
from typing import Any

from schemas.plant import PlantError, load_plant
from services.adapters.channels.file import BadChannels, read_channels
from services.commands.options import port_number, seconds
from services.embedded.data_dir import UnusableDirectory
from services.embedded.errors import EmbeddedError
from services.embedded.stack import BROKERS, DEFAULT_PORT, PortTaken, Stack, run_stack

EXAMPLE_PLANT = Path(__file__).parents[2] / "schemas" / "plant_example.yaml"
DEFAULT_DIR = Path(".floorstream")

_ABOUT = """\
Starts broker, database and all stages on this machine, prints `ready http://127.0.0.1:PORT` when they take work, and
runs until Ctrl-C. In another terminal: floorstream scan UNIT READ_POINT, floorstream replay FILE, floorstream verify.

The embedded broker keeps everything in memory and forgets when it stops: this is for trying and testing. With
--broker apache (Java 17, Maven) the log is kept and the same directory can be used again.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "up", help="the whole system on this machine, for your own scans", description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--plant", metavar="FILE", type=Path, help="your plant model (floorstream plant new FILE); default: the example"
    )
    parser.add_argument("--broker", choices=tuple(BROKERS), default="embedded", help="default: embedded")
    add_stack_options(parser, f"where everything is kept; default {DEFAULT_DIR}")
    parser.set_defaults(func=run)


def add_stack_options(parser: argparse.ArgumentParser, data_dir_help: str) -> None:
    """The options of every command that runs the whole system."""
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help=data_dir_help)
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="remove what the data directory holds from earlier and begin anew, instead of going on",
    )
    parser.add_argument(
        "--port", type=port_number, help=f"of board, ingest and reads; default {DEFAULT_PORT}, or the next free one"
    )
    parser.add_argument(
        "--channels", metavar="FILE", type=Path, help="how people are reached (deploy/channels.example.yaml); default: "
        "nobody is called, it is only recorded who would be",
    )  # fmt: skip
    parser.add_argument(
        "--public-url", metavar="URL", default="", help="this system's address as phones see it, for links in messages"
    )
    parser.add_argument(
        "--for", dest="duration", metavar="60s", type=seconds, help="stop so long after `ready`; default: at Ctrl-C"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run it; exit code 0 stopped as asked, 1 it could not start, 2 usage, 70 a guarantee could not be kept."""
    plant = plant_of(arguments.plant or EXAMPLE_PLANT)
    if plant is None:
        return 1
    if not channels_usable(arguments.channels):
        return 2
    if arguments.plant is None:
        print(
            f"no --plant given: the example is used 未指定 --plant，使用示例工厂模型\n    {EXAMPLE_PLANT}", flush=True
        )
    stack = Stack(
        data_dir=arguments.data_dir or DEFAULT_DIR, plant=plant, plant_given=arguments.plant is not None,
        port=arguments.port, broker=arguments.broker, fresh=arguments.fresh, duration=arguments.duration,
        channels=arguments.channels, public_url=arguments.public_url,
    )  # fmt: skip
    return started(stack)


def started(stack: Stack) -> int:
    """Run the stack; what keeps it from starting goes to standard error."""
    try:
        return run_stack(stack)
    except (PortTaken, UnusableDirectory) as error:
        print(error, file=sys.stderr)
        return 2
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1


def channels_usable(path: Path | None) -> bool:
    """Is there no channels file, or a good one? Says what is wrong with it, before anything is started."""
    try:
        if path is not None:
            read_channels(path)
    except BadChannels as error:
        print(error, file=sys.stderr)
        return False
    return True


def plant_of(path: Path) -> dict[str, Any] | None:
    """The plant model in a file; None after saying what is wrong with it."""
    try:
        return load_plant(path.read_text("utf-8"))
    except PlantError as error:
        for problem in error.problems:
            print(f"{path}:{problem.line}: {problem.key}: {problem.en} / {problem.zh}", file=sys.stderr)
    except (OSError, UnicodeDecodeError) as error:
        print(f"{path}: {error}", file=sys.stderr)
    return None
