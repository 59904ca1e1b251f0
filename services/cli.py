"""`floorstream`: the commands that others script against. Exit codes: 0 done, 1 the answer is no, 2 usage, 70 a
guarantee could not be kept."""

import argparse
import importlib
import sys
from collections.abc import Sequence

COMMANDS = (
    "demo", "up", "run", "scan", "replay", "drain", "fold", "export", "verify", "plant", "channels", "rejects",
    "topics", "migrate", "rebuild", "keys", "healthy", "doctor", "edge",
)  # fmt: skip
"""In the order a newcomer meets them; each is a module of services/commands."""


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """The command line. `only` loads just that command, so that a quick one does not wait for the rest."""
    top = argparse.ArgumentParser(
        prog="floorstream",
        description="Live, exact WIP counts and dwell times from scans. 车间扫描事件的实时在制品与停留时间。",
        epilog="Try `floorstream demo`: a simulated plant, everything embedded, a live board in your browser.",
    )
    subparsers = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS if only is None else (only,):
        importlib.import_module(f"services.commands.{name}").add_parser(subparsers)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    only = arguments[0] if arguments and arguments[0] in COMMANDS else None
    parsed = parser(only).parse_args(arguments)
    try:
        return int(parsed.func(parsed))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
