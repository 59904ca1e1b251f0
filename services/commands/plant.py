"""`floorstream plant new|check|infer`: write a commented plant file, check one, or propose one from a log."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.event import RecordedEvent
from schemas.plant import PlantError, load_plant
from schemas.plant_lines import Problem
from services.commands.log_file import read_log
from services.commands.log_options import FORMATS_HELP, add_log_options, how_read
from services.commands.plant_infer import observe, propose
from services.core.records import BadRecord

EXAMPLE = Path(__file__).parents[2] / "schemas" / "plant_example.yaml"
MOST_SHOWN = 5

_INFER_HELP = """\
Reads a log and proposes a plant file: operations in order of mean position, stations, read points, products.

  floorstream plant infer events.jsonl --out plant.yaml
  floorstream plant infer export.csv --time-zone Asia/Shanghai \\
      --columns unit_id=serial,event_time=time,operation_id=machine+task,action=state \\
      --actions begin=start,end=finish
  floorstream plant infer export.xlsx --mapping mes.yaml
  floorstream plant infer log.xes

A JSON Lines log holds one event per line, with the fields of schemas/json/ScanEvent.schema.json.
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "plant",
        help="write, check or propose a plant file",
        description="The plant file describes operations, read points, products, calendars and limits.",
    )
    commands = parser.add_subparsers(dest="plant_command", required=True, metavar="new|check|infer")
    new = commands.add_parser("new", help="write a commented example to start from (English and Chinese)")
    new.add_argument("file", type=Path, metavar="FILE", help="where to write it; an existing file is never overwritten")
    new.set_defaults(func=_new)
    check = commands.add_parser(
        "check",
        help="find every error of a plant file",
        description="Prints a summary and exits 0, or every error as FILE:LINE: KEY: message and exits 1.",
    )
    check.add_argument("file", type=Path, metavar="FILE")
    check.add_argument("--language", choices=("en", "zh", "both"), default="both", help="of the messages; default both")
    check.set_defaults(func=_check)
    infer = commands.add_parser(
        "infer",
        help="propose a plant file from a log",
        description=_INFER_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    infer.add_argument("file", type=Path, metavar="LOG", help=FORMATS_HELP)
    infer.add_argument("--out", type=Path, metavar="FILE", help="write there, not to the terminal; never overwrites")
    add_log_options(infer, "UTC")
    infer.set_defaults(func=_infer)


def _new(arguments: argparse.Namespace) -> int:
    if not _written(arguments.file, EXAMPLE.read_text(encoding="utf-8")):
        return 1
    print(f"{arguments.file} written. Edit it, then: floorstream plant check {arguments.file}")
    print(f"已写入 {arguments.file}。编辑后运行：floorstream plant check {arguments.file}")
    return 0


def _written(path: Path, text: str) -> bool:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        print(f"{path} exists already: name another file, or remove it 文件已存在：请换名或先删除", file=sys.stderr)
    except OSError as error:
        print(f"cannot write {path} 无法写入: {error.strerror}", file=sys.stderr)
    else:
        return True
    return False


def _check(arguments: argparse.Namespace) -> int:
    try:
        text = arguments.file.read_text(encoding="utf-8-sig")
    except OSError as error:
        print(f"cannot read {arguments.file} 无法读取: {error.strerror}", file=sys.stderr)
        return 1
    except UnicodeDecodeError:
        print(f"{arguments.file}: not UTF-8: save it as UTF-8 不是 UTF-8：请另存为 UTF-8", file=sys.stderr)
        return 1
    try:
        model = load_plant(text)
    except PlantError as error:
        for problem in error.problems:
            print(_said(arguments.file, problem, arguments.language))
        count = len(error.problems)
        print(f"{count} error{'s' if count > 1 else ''} 共 {count} 处错误", file=sys.stderr)
        return 1
    print(_summary(arguments.file, model))
    return 0


def _said(path: Path, problem: Problem, language: str) -> str:
    words = {"en": problem.en, "zh": problem.zh, "both": f"{problem.en} / {problem.zh}"}[language]
    return f"{path}:{problem.line}: {problem.key}: {words}"


def _summary(path: Path, model: dict[str, Any]) -> str:
    counts = [
        (len(model["areas"]), "areas", "区域"),
        (len(model["work_centers"]), "work centers", "工作中心"),
        (len(model["operations"]), "operations", "工序"),
        (len(model["work_units"]), "work units", "工作单元"),
        (len(model["read_points"]), "read points", "采集点"),
        (len(model["products"]), "products", "产品"),
        (len(model["calendars"]), "calendars", "日历"),
    ]
    en = ", ".join(f"{count} {name}" for count, name, _ in counts)
    zh = "，".join(f"{name} {count}" for count, _, name in counts)
    return f"{path}: good: {en}\n{path}：正确：{zh}"


def _infer(arguments: argparse.Namespace) -> int:
    bad = _Bad()
    try:
        how = how_read(arguments)
    except ValueError as error:
        print(f"cannot use these options 选项有误: {error}", file=sys.stderr)
        return 2
    try:
        seen = observe(_events(read_log(arguments.file, how), bad))
        text = propose(seen, arguments.file.name)
        load_plant(text)
    except OSError as error:
        print(f"cannot read {arguments.file} 无法读取: {error.strerror or error}", file=sys.stderr)
        return 1
    except (LookupError, ValueError) as error:
        _warn(bad)
        print(f"cannot infer a plant 无法推断工厂模型: {error}", file=sys.stderr)
        return 1
    _warn(bad)
    if arguments.out is None:
        print(text, end="")
        return 0
    if not _written(arguments.out, text):
        return 1
    print(f"{arguments.out} written from {seen.events} events 已由 {seen.events} 条事件生成")
    return 0


@dataclass
class _Bad:
    """What was no event: the first of them, and how many."""

    first: list[BadRecord] = field(default_factory=list)
    count: int = 0


def _events(entries: Iterator[RecordedEvent | BadRecord], bad: _Bad) -> Iterator[RecordedEvent]:
    for entry in entries:
        if not isinstance(entry, BadRecord):
            yield entry
            continue
        bad.count += 1
        if len(bad.first) < MOST_SHOWN:
            bad.first.append(entry)


def _warn(bad: _Bad) -> None:
    for line in bad.first:
        print(f"line {line.line}: {line.en} / {line.zh}", file=sys.stderr)
    if bad.count:
        print(f"{bad.count} lines passed over 已略过 {bad.count} 行", file=sys.stderr)
