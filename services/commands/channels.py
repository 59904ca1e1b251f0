"""`floorstream channels check|test`: is the channels file right, and does a channel take a message?"""

import argparse
import asyncio
import sys
from pathlib import Path

from services.adapters.channels.file import BadChannels
from services.adapters.channels.opened import open_channels
from services.adapters.channels.subscribers import Subscriber, open_subscribers
from services.adapters.clock import SystemClock
from services.adapters.visits_told_wire import message
from services.core.delivery import Note, Outcome
from services.core.messages import Line, Message

TEST = Message(
    title="floorstream 测试消息 test message",
    lines=(
        Line("", "收到此消息即表示通道可用，无需处理。"),
        Line("", "If you can read this the channel works; nothing needs to be done."),
    ),
    urgent=False,
)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "channels",
        help="check the channels file, send a test message",
        description="The channels file says how the channels that teams name are reached; it holds secrets (mode 600).",
    )
    commands = parser.add_subparsers(dest="channels_command", required=True, metavar="check|test")
    check = commands.add_parser("check", help="find every error of a channels file")
    check.add_argument("file", type=Path, metavar="FILE")
    check.set_defaults(func=_check)
    test = commands.add_parser("test", help="send one test message and print what the channel answers")
    test.add_argument("name", metavar="NAME", help="of the channel")
    test.add_argument("--file", type=Path, required=True, metavar="FILE", help="the channels file")
    test.add_argument("--mention", action="append", default=[], metavar="MEMBER", help="mention this person")
    test.set_defaults(func=_test)


def _check(arguments: argparse.Namespace) -> int:
    try:
        channels = open_channels(arguments.file, SystemClock())
        told = open_subscribers(arguments.file, SystemClock())
    except BadChannels as error:
        print(error)
        return 1
    print(
        f"{arguments.file}: good: {len(channels)} channels, {len(told)} subscribers to visits "
        f"正确：通道 {len(channels)} 个，停留订阅者 {len(told)} 个"
    )
    return 0


def _test(arguments: argparse.Namespace) -> int:
    return asyncio.run(_sent(arguments.file, arguments.name, tuple(arguments.mention)))


async def _sent(file: Path, name: str, mentions: tuple[str, ...]) -> int:
    try:
        channels = open_channels(file, SystemClock())
        told = open_subscribers(file, SystemClock())
    except BadChannels as error:
        print(error, file=sys.stderr)
        return 2
    known = (*channels, *told)
    if name not in known:
        print(f"no channel {name} in {file} 没有该通道; it has 已有: {', '.join(known) or '-'}", file=sys.stderr)
        return 2
    try:
        if name in channels:
            outcome = await channels[name].send(Note(f"test/1/{len(channels)}", TEST, None, mentions, ()))
        else:
            outcome = await _told(name, told[name])
    finally:
        for channel in channels.values():
            await channel.close()
        for subscriber in told.values():
            await subscriber.close()
    print(f"{name}: {outcome.said} {outcome.detail}".rstrip())
    return 0 if outcome.sent else 1


async def _told(name: str, subscriber: Subscriber) -> Outcome:
    """A message without visits: signed as all are, and nothing to take."""
    return await subscriber.tell(*message(name, 1, ()))
