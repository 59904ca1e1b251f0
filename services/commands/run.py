"""`floorstream run STAGE`: one stage in this process, its settings from the environment."""

import argparse
import runpy
import sys

from services.topology import STAGES

FRONT = "front"
MODULES = {**{stage: f"services.{stage}" for stage in STAGES}, FRONT: "services.embedded.front"}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "run",
        help="one stage, settings from the environment",
        description="Runs until SIGINT or SIGTERM. `front` is ingest and show together on one port. Settings: "
        "FLOORSTREAM_KAFKA, FLOORSTREAM_DATABASE_URL, FLOORSTREAM_PORT, … (table in the README).",
    )
    parser.add_argument("stage", choices=tuple(MODULES), metavar="STAGE", help=", ".join(MODULES))
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Become the stage; its exit code."""
    module = MODULES[arguments.stage]
    sys.argv = [f"python -m {module}"]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
