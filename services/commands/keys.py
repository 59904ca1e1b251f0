"""`floorstream keys init|new|list|revoke`: the keys of the sources that may write.

The file holds hashes; a token is shown once, when it is made.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from services.adapters.alert_links import make_key
from services.adapters.api_keys import BadKeyFile, new_key
from services.adapters.api_keys_write import Entry, change_entries, read_entries
from services.adapters.clock import SystemClock
from services.commands.options import seconds
from services.core.instant import format_instant, parse_instant
from services.core.reading import LONGEST_SOURCE
from services.core.text import clean

ID_FORM = r"[A-Za-z0-9_-]{1,64}"
SANDBOX_SECONDS = 86_400.0


class NotDone(Exception):
    """The answer is no; the message says why, in both languages. Exit code 1."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "keys",
        help="the keys of the sources that may write",
        description="The key file holds hashes only; running stages notice a change at once, nothing is restarted.",
    )
    commands = parser.add_subparsers(dest="keys_command", required=True, metavar="init|new|list|revoke")
    init = commands.add_parser(
        "init", help="make the key file, and the key of FLOORSTREAM_LINK_KEY_FILE, where missing"
    )
    init.set_defaults(func=lambda arguments: _done(arguments, _init))
    new = commands.add_parser("new", help="make a key and print its token, which is shown this once")
    new.add_argument("id", metavar="ID", type=_id, help="name of the key: letters, digits, - and _")
    new.add_argument("--source", metavar="SOURCE", type=_source, default=None, help="who sends with it; default ID")
    new.add_argument("--expires", metavar="DURATION", type=seconds, default=None, help="2160h: refused from then on")
    new.add_argument(
        "--sandbox", action="store_true", help="for trying: what is sent is judged and never written; default 24 h"
    )
    new.set_defaults(func=lambda arguments: _done(arguments, _new))
    listing = commands.add_parser("list", help="all keys and whether they are good")
    listing.set_defaults(func=lambda arguments: _done(arguments, _list))
    revoke = commands.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument("id", metavar="ID")
    revoke.set_defaults(func=lambda arguments: _done(arguments, _revoke))
    for command in (init, new, listing, revoke):
        command.add_argument("--file", metavar="FILE", type=Path, default=None, help="else FLOORSTREAM_KEYS_FILE")


def _id(text: str) -> str:
    if not re.fullmatch(ID_FORM, text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected 1 to 64 letters, digits, - or _")
    return text


def _source(text: str) -> str:
    try:
        source = clean(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
    if not 0 < len(source) <= LONGEST_SOURCE:
        raise argparse.ArgumentTypeError(f"{text!r}: expected 1 to {LONGEST_SOURCE} characters")
    return source


def _done(arguments: argparse.Namespace, work: Callable[[Path, argparse.Namespace], None]) -> int:
    """Exit code 0 done, 1 the answer is no, 2 no file named."""
    file = arguments.file or Path(os.environ.get("FLOORSTREAM_KEYS_FILE", ""))
    if not file.name:
        print("no key file named: give --file, or set FLOORSTREAM_KEYS_FILE 未指定密钥文件", file=sys.stderr)
        return 2
    try:
        work(file, arguments)
    except (NotDone, BadKeyFile) as no:
        print(no, file=sys.stderr)
        return 1
    return 0


def _init(file: Path, arguments: argparse.Namespace) -> None:
    if not file.exists():
        change_entries(file, lambda entries: entries)
    link_key = os.environ.get("FLOORSTREAM_LINK_KEY_FILE", "")
    try:
        if link_key:
            make_key(Path(link_key))
    except OSError as error:
        raise NotDone(f"cannot write {link_key} 无法写入: {error.strerror}") from error


def _new(file: Path, arguments: argparse.Namespace) -> None:
    clock = SystemClock()
    token, entry = new_key(arguments.id, arguments.source or arguments.id, clock)
    expires = SANDBOX_SECONDS if arguments.sandbox and arguments.expires is None else arguments.expires
    if expires is not None:
        entry["expires"] = format_instant(clock.now_us() + round(expires * 1_000_000))
    made: Entry = {**entry, "sandbox": True} if arguments.sandbox else entry

    def add(entries: list[Entry]) -> list[Entry]:
        if any(each["id"] == arguments.id for each in entries):
            raise NotDone(f"there is a key {arguments.id} already: choose another id 已有同名密钥，请换一个名称")
        return [*entries, made]

    change_entries(file, add)
    print(token)
    if arguments.sandbox:
        print(
            f"for trying, until {entry['expires']}: judges and never writes 试用密钥：只判定，不写入", file=sys.stderr
        )
    print("shown this once: give it to the source 仅显示一次，请交给发送方: Authorization: Bearer …", file=sys.stderr)


def _list(file: Path, arguments: argparse.Namespace) -> None:
    now = SystemClock().now_us()
    print("id\tsource\tcreated\texpires\trevoked\tstate")
    for entry in read_entries(file):
        cells = [str(entry.get(name) or "") for name in ("id", "source", "created", "expires", "revoked")]
        print("\t".join([*cells, _state(entry, now)]))


def _state(entry: Entry, now_us: int) -> str:
    """As the stages judge it, see api_keys.key_of."""
    for name, meaning in (("revoked", "revoked 已撤销"), ("expires", "expired 已过期")):
        if entry.get(name) and parse_instant(entry[name]) <= now_us:
            return meaning
    return "sandbox 试用" if entry.get("sandbox") else "good 有效"


def _revoke(file: Path, arguments: argparse.Namespace) -> None:
    now = format_instant(SystemClock().now_us())

    def end(entries: list[Entry]) -> list[Entry]:
        if not any(each["id"] == arguments.id for each in entries):
            raise NotDone(f"there is no key {arguments.id} in {file} 没有此密钥")
        return [
            {**each, "revoked": each.get("revoked") or now} if each["id"] == arguments.id else each for each in entries
        ]

    change_entries(file, end)
    print(f"{arguments.id} is refused from now on 已撤销")
