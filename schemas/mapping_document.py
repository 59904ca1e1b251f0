"""The mapping file as people write it: how the records of a file become events (core/mapping.py does it).

file        how the file is written, where that cannot be found out
events      one rule for each kind of event that a record may hold
  kind, each, when
  fields    field of the event ← column or path, or a constant
"""

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from schemas.plant_part import Part, PartOrText
from schemas.plant_values import TimeFormat, TimeZone, Words, YesNo
from schemas.text import bilingual, cleaned

IS_PATH = re.compile(r"(?:\$(?:topic|arrived|property)?|[@^])(?=$|[.\[])")
_PATH = re.compile(
    r"""(?:\$(?:topic|arrived|property)?|[@^])(?:\.[^.\[\]'"*\s]+|\[-?\d{1,6}\]|\[\*\]|\['(?:[^'\\]|\\.)+'\]|\["(?:[^"\\]|\\.)+"\])*""",
    re.ASCII,
)
_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


def _place(value: object) -> str:
    text = cleaned(value)
    if IS_PATH.match(text) and not _PATH.fullmatch(text):
        raise bilingual(
            "combination",
            f"cannot read the path {text!r}: expected .name, ['name'], [0] or [*] after $, @ or ^",
            f"无法读取路径 {text!r}：$、@ 或 ^ 之后应为 .name、['name']、[0] 或 [*]",
        )
    return text


def _places(value: object) -> list[str]:
    if isinstance(value, list) and value:
        return [_place(item) for item in value]
    return [_place(value)]


def _texts(value: object) -> list[str]:
    return [cleaned(item) for item in value] if isinstance(value, list) and value else [cleaned(value)]


def _delimiter(value: object) -> str:
    text = cleaned(value)
    if text in _DELIMITERS:
        return _DELIMITERS[text]
    if len(text) != 1 or not text.isascii() or text.isalnum() or text in "\"'":
        raise bilingual(
            "combination",
            "expected comma, semicolon, tab, pipe or one sign",
            "应为 comma、semicolon、tab、pipe 或单个符号",
        )
    return text


def _join(value: object) -> str:
    return "" if value == "" else cleaned(value, 20)


_LINE = re.compile(r"[1-9]\d{0,4}", re.ASCII)


def _header_line(value: object) -> int:
    if not isinstance(value, str) or not _LINE.fullmatch(value):
        raise bilingual("whole", "expected the number of a line, from 1", "应为行号，从 1 开始")
    return int(value)


_TEXT_OR_LIST: dict[str, Any] = {"type": ["string", "array"], "items": {"type": "string"}}
Place = Annotated[str, BeforeValidator(_place), WithJsonSchema({"type": "string", "description": "column or path"})]
Places = Annotated[list[str], BeforeValidator(_places), WithJsonSchema(_TEXT_OR_LIST)]
Texts = Annotated[list[str], BeforeValidator(_texts), WithJsonSchema(_TEXT_OR_LIST)]
Delimiter = Annotated[str, BeforeValidator(_delimiter), WithJsonSchema({"type": "string", "examples": ["tab", ";"]})]
Join = Annotated[str, BeforeValidator(_join), WithJsonSchema({"type": "string", "examples": ["@"]})]
HeaderLine = Annotated[int, BeforeValidator(_header_line), WithJsonSchema({"type": "integer", "minimum": 1})]


class FileFormat(StrEnum):
    """How a file is written."""

    CSV = "csv"
    JSONL = "jsonl"
    XES = "xes"
    XLSX = "xlsx"


class EventKind(StrEnum):
    """What kind of event a record holds."""

    SCAN = "scan"
    MACHINE = "machine"


class FileForm(Part):
    """How the file is written. All of it may be left out where the file itself says so."""

    format: FileFormat | None = Field(
        default=None, description="csv, jsonl, xes or xlsx; default: by its name and content"
    )
    encoding: Words | None = Field(
        default=None, description="of csv and jsonl, such as gb18030; default: the one in which every line can be read"
    )
    delimiter: Delimiter | None = Field(
        default=None, description="csv: comma, semicolon, tab, pipe or one sign; default: by the header line"
    )
    header_line: HeaderLine = Field(
        default=1, description="csv, xlsx: the line with the names of the columns; default 1"
    )
    columns: list[Words] = Field(
        default=[], description="csv, xlsx: the names of the columns of a file without such a line"
    )
    sheet: Words | None = Field(default=None, description="xlsx: name of the sheet; default the first")


class FieldFrom(PartOrText):
    """Where a field comes from. A plain text is its column or path."""

    from_: Places | None = Field(
        default=None, alias="from", description="column, or path such as $.a.b[0]['c d']; several are joined"
    )
    join: Join = Field(default=" ", description="what stands between several; '' for nothing; default a blank")
    value: Words | None = Field(default=None, description="a constant, instead of `from`")
    values: dict[Words, Words | None] = Field(
        default={},
        description="table: what is read → what it means; '*' is any other; where it means nothing (~) it is left out",
    )
    default: Words | None = Field(default=None, description="where nothing is read")
    format: TimeFormat | None = Field(
        default=None,
        description="times: iso (default), rfc3339, epoch_s, epoch_ms, epoch_us or a strptime pattern; without it "
        "and time_zone the time is sent as it stands, and its source in the plant model says how to read it",
    )
    time_zone: TimeZone | None = Field(default=None, description="times: IANA zone of those without an offset")

    @classmethod
    def _of_text(cls, text: str) -> dict[str, str]:
        return {"from": text}


class CounterFrom(Part):
    """Where the part counters of a machine come from."""

    good: FieldFrom | None = Field(default=None, description="good parts so far")
    reject: FieldFrom | None = Field(default=None, description="rejected parts so far")
    rollover: FieldFrom | None = Field(default=None, description="total after which counting starts at 0 again")


class FieldsFrom(Part):
    """Field of the event ← where it comes from. What they mean: schemas/event.py and schemas/machine.py."""

    event_id: FieldFrom | None = Field(
        default=None, description="identity of the read; default: made of the record, its file and its line"
    )
    event_time: FieldFrom | None = Field(default=None, description="when it happened; always needed")
    unit_id: FieldFrom | None = Field(default=None, description="scan: what was read; always needed")
    read_point_id: FieldFrom | None = Field(default=None, description="scan: what read it")
    operation_id: FieldFrom | None = Field(default=None, description="scan: where, if no read point says so")
    action: FieldFrom | None = Field(default=None, description="scan: what happened, if no read point says so")
    quantity: FieldFrom | None = Field(default=None, description="scan: pieces of the unit")
    scrap_quantity: FieldFrom | None = Field(default=None, description="scan: pieces lost")
    quantity_delta: FieldFrom | None = Field(default=None, description="scan: change of the quantity, on adjust")
    order_id: FieldFrom | None = Field(default=None, description="scan: order")
    product_id: FieldFrom | None = Field(default=None, description="scan: what the unit is")
    work_unit_id: FieldFrom | None = Field(default=None, description="machine; always needed of a machine event")
    operator_id: FieldFrom | None = Field(default=None, description="scan: who did it")
    parent_ids: FieldFrom | None = Field(default=None, description="scan: units it was made from; $.parents[*].id")
    voids: FieldFrom | None = Field(default=None, description="scan: event_id that never happened, on void")
    device_time: FieldFrom | None = Field(default=None, description="scan: what the device's clock said")
    sent_time: FieldFrom | None = Field(default=None, description="the source's clock when it sent the event")
    source: FieldFrom | None = Field(default=None, description="scan: who sent it; default: --source")
    recorded_time: FieldFrom | None = Field(default=None, description="scan: when a system first saw it")
    state: FieldFrom | None = Field(default=None, description="machine: PackML state, mostly through `values`")
    counter: CounterFrom | None = Field(default=None, description="machine: part counters")


class ConditionOf(PartOrText):
    """What a value has to be. A plain text or list: one of them."""

    exists: YesNo | None = Field(default=None, description="true: it has to be there; false: it may not")
    in_: Texts | None = Field(default=None, alias="in", description="one of these")
    not_: Texts | None = Field(default=None, alias="not", description="none of these")

    @classmethod
    def _of_text(cls, text: str) -> dict[str, str]:
        return {"in": text}


def _condition(value: object) -> object:
    return {"in": value} if isinstance(value, list) else value


class EventRule(Part):
    """One kind of event that a record may hold; a row with a start and an end has two."""

    kind: EventKind = Field(default=EventKind.SCAN, description="scan or machine; default scan")
    each: Place | None = Field(
        default=None,
        description="path of several readings in one record, such as $.reads[*]; `@` is then each of them, and `^` "
        "what the [*] before the last one has found",
    )
    when: dict[Place, Annotated[ConditionOf, BeforeValidator(_condition)]] = Field(
        default={}, description="column or path → what it has to be: a text, a list, {exists: true}, {not: …}"
    )
    fields: FieldsFrom = Field(description="field of the event ← column or path, or a constant")


class MappingDocument(Part):
    """How the records of a file become events: one YAML file."""

    file: FileForm = Field(default=FileForm(), description="how the file is written")
    events: list[EventRule] = Field(min_length=1, description="the events a record may hold")
