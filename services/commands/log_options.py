"""The options by which commands read a log from a file: format, encoding, columns, mapping."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from services.adapters.files.mapped import FIELDS, NEEDED, EventFile, columns_mapping, read_mapping
from services.core.mapping import RecordMapping
from services.core.records import BadFile, FileForm

FORMATS_HELP = "CSV, JSON Lines, XES or Excel; see --mapping"


@dataclass(frozen=True, slots=True)
class HowRead:
    """How a log in a file becomes events; everything that is left out is found out."""

    form: FileForm = field(default_factory=FileForm)
    mapping: RecordMapping | None = None
    time_zone: str | None = None

    def file(self, path: Path) -> EventFile:
        """The file, read so."""
        return EventFile(path, self.form, self.mapping, self.time_zone)


def add_log_options(parser: argparse.ArgumentParser, time_zone: str | None = None) -> None:
    """The options of every command that reads a log from a file."""
    parser.add_argument(
        "--mapping", type=Path, metavar="M.yaml",
        help="how records become events: columns or JSON paths, constants, tables of words, time formats; "
        "schemas/mapping_example.yaml explains it",
    )  # fmt: skip
    parser.add_argument(
        "--columns", metavar="F=C,…", help="instead of a mapping: field=column pairs, several columns joined by +"
    )
    parser.add_argument("--actions", metavar="W=A,…", help="with --columns: word=action pairs, e.g. scheduled=arrive")
    parser.add_argument(
        "--time-zone", metavar="ZONE", default=time_zone,
        help=f"IANA zone of times without an offset, e.g. Asia/Shanghai; default {time_zone or 'none'}",
    )  # fmt: skip
    parser.add_argument(
        "--encoding", help="of CSV and JSON Lines, e.g. gb18030; default: found by reading (UTF-8, GB18030, UTF-16)"
    )


def how_read(arguments: argparse.Namespace) -> HowRead:
    """As the options say. Raises ValueError saying what is wrong with them."""
    if arguments.mapping is not None and (arguments.columns or arguments.actions):
        raise BadFile("--mapping says what --columns and --actions say: use one of them", "请只用其中一种方式")
    form, mapping = FileForm(), None
    if arguments.mapping is not None:
        form, mapping = read_mapping(arguments.mapping)
    elif arguments.columns:
        mapping = parse_columns(arguments.columns, arguments.actions)
    if arguments.time_zone:
        try:
            ZoneInfo(arguments.time_zone)
        except (LookupError, ValueError, OSError) as error:
            raise BadFile(f"--time-zone: {error}", "没有此时区") from None
    if arguments.encoding:
        form = replace(form, encoding=arguments.encoding)
    return HowRead(form, mapping, arguments.time_zone)


def parse_columns(columns: str, actions: str | None = None) -> RecordMapping:
    """`unit_id=case,operation_id=machine+task` and `begin=start,end=finish`; ValueError says what is expected."""
    fields = {name: tuple(column.split("+")) for name, column in _pairs(columns)}
    unknown = sorted(set(fields) - FIELDS)
    if unknown:
        raise ValueError(f"--columns: {unknown[0]} is no field of an event; fields: {', '.join(sorted(FIELDS))}")
    missing = [name for name in NEEDED if name not in fields]
    if missing:
        raise ValueError(f"--columns: {missing[0]} is needed, for example {missing[0]}=COLUMN")
    return columns_mapping(fields, dict(_pairs(actions)) if actions else {})


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(","):
        left, equals, right = part.partition("=")
        if not equals or not left.strip() or not right.strip():
            raise ValueError(f"{part!r}: expected NAME=VALUE pairs joined by commas")
        yield left.strip(), right.strip()
