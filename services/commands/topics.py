"""`floorstream topics create`: make the topics on a Kafka broker; safe to repeat."""

import argparse
import asyncio
import os
import sys

from services import settings
from services.adapters.topics import TopicsError, create_topics, wanted_topics


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "topics",
        help="make the topics on a Kafka broker",
        description="Settings by environment: FLOORSTREAM_KAFKA, FLOORSTREAM_PARTITIONS, "
        "FLOORSTREAM_OPERATION_PARTITIONS, FLOORSTREAM_REPLICATION.",
    )
    commands = parser.add_subparsers(dest="topics_command", required=True, metavar="create")
    create = commands.add_parser("create", help="make what is missing and check what is there; safe to repeat")
    create.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Make them. Exit code 0 done, 1 it cannot be done, 2 settings."""
    try:
        kafka = settings.read(os.environ).kafka
    except settings.BadSetting as error:
        print(error, file=sys.stderr)
        return 2
    try:
        made = asyncio.run(create_topics(kafka))
    except TopicsError as error:
        print(error, file=sys.stderr)
        return 1
    for name in made:
        print(f"created {name}")
    print(f"{len(wanted_topics(kafka))} topics are there ({len(made)} created now)")
    return 0
