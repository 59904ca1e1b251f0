"""What several commands understand alike: durations, ports, and which running floorstream is meant."""

import argparse
import os
import sys

from pydantic_core import PydanticCustomError

from schemas.plant_values import duration_us
from services.embedded.instance import Instance, InstanceNotFound, find_instance


def seconds(text: str) -> float:
    """`60s`, `15m`, `1h30m` as seconds."""
    try:
        return duration_us(text) / 1e6
    except PydanticCustomError as bad:
        raise argparse.ArgumentTypeError(f"{text!r}: {bad.message()}") from None


def port_number(text: str) -> int:
    """A port of this machine."""
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a port from 1 to 65535")
    return int(text)


def positive(text: str) -> float:
    """A number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return number


def add_instance_option(parser: argparse.ArgumentParser) -> None:
    """--instance."""
    parser.add_argument(
        "--instance", metavar="DATA_DIR", default=None,
        help="the running floorstream that is meant, where there are several (else FLOORSTREAM_* settings, else the "
        "only one that runs)",
    )  # fmt: skip


def meant_instance(arguments: argparse.Namespace, *, whole: str = "") -> Instance | None:
    """The running floorstream that is meant; None after saying why there is none (exit code 2).

    `whole`: the command that needs its broker and its database too, by name.
    """
    try:
        instance = find_instance(arguments.instance, os.environ)
    except InstanceNotFound as error:
        print(error, file=sys.stderr)
        return None
    if whole and not (instance.broker and instance.database):
        print(f"{whole} needs FLOORSTREAM_KAFKA and FLOORSTREAM_DATABASE_URL besides the address", file=sys.stderr)
        return None
    return instance
