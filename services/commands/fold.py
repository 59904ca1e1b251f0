"""`floorstream fold FILE --plant plant.yaml --out DIR`: the contract's files from a log, offline and pure."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from schemas.plant import PlantError, load_plant
from services.adapters.wire import decode_line
from services.commands.log_file import LogLine, read_lines
from services.commands.log_options import FORMATS_HELP, add_log_options, how_read
from services.core.equipment import PlantModel
from services.core.errors import BadScan
from services.core.log import LogFold
from services.core.records import BadRecord
from services.core.rows import files

UNREADABLE = "unreadable"
"""The reason of a record that no event could be made of."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "fold",
        help="visits.csv, operations.csv and units.csv from a log, offline",
        description="Fold a log of events under a plant model. Needs nothing running; the same rules as the stream.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help=FORMATS_HELP)
    parser.add_argument("--plant", type=Path, required=True, metavar="PLANT", help="the plant model, YAML")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files, made if absent")
    add_log_options(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the files; exit code 0 done, 1 a file cannot be read, 2 usage."""
    try:
        model = PlantModel.from_document(load_plant(arguments.plant.read_text("utf-8")), version=1)
        fold, refused = fold_lines(read_lines(arguments.file, how_read(arguments)), model)
    except PlantError as error:
        for problem in error.problems:
            print(f"{arguments.plant}:{problem.line}: {problem.key}: {problem.en}", file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, chunks in files([fold], model.operation_ids):
        with (arguments.out / name).open("wb") as file:
            file.writelines(chunks)
        print(arguments.out / name)
    for reason, count in sorted(refused.items()):
        print(f"refused {count}: {reason}", file=sys.stderr)
    return 0


def fold_lines(lines: Iterable[LogLine | BadRecord], model: PlantModel) -> tuple[LogFold, Counter[str]]:
    """Fold a file's events, and count what was refused by reason; a machine's events are passed over."""
    fold = LogFold({model.version: model}, model.version)
    refused: Counter[str] = Counter()
    for line in lines:
        if isinstance(line, BadRecord):
            refused[UNREADABLE] += 1
            continue
        if line.kind != "scan":
            continue
        try:
            event = decode_line(line.value)
            refusal = fold.take(event, event.source or "kafka", event.recorded_time).refusal
        except BadScan as bad:
            refusal = bad
        if refusal is not None:
            refused[refusal.reason] += 1
    return fold, refused
