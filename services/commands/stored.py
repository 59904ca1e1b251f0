"""What the commands that read the database understand alike: which database and broker are meant."""

import argparse
import os
import sys
from dataclasses import dataclass

from services.commands.options import add_instance_option
from services.embedded.instance import InstanceNotFound, find_instance


@dataclass(frozen=True)
class Where:
    """A database, and the broker beside it; empty where none is known."""

    database: str
    broker: str


def add_where_options(parser: argparse.ArgumentParser) -> None:
    """--database and --instance."""
    parser.add_argument("--database", metavar="URL", default=None, help="this database, whatever runs")
    add_instance_option(parser)


def meant(arguments: argparse.Namespace) -> Where | None:
    """The database that is meant; None after saying why there is none (exit code 2).

    The broker of a database given by URL is that of the environment, if any.
    """
    if arguments.database:
        return Where(arguments.database, os.environ.get("FLOORSTREAM_KAFKA", ""))
    try:
        instance = find_instance(arguments.instance, os.environ)
    except InstanceNotFound as error:
        print(error, file=sys.stderr)
        return None
    if not instance.database:
        print("no database named: set FLOORSTREAM_DATABASE_URL or give --database URL", file=sys.stderr)
        return None
    return Where(instance.database, instance.broker)
