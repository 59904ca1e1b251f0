"""Beside a replayed file: what was refused, as a CSV; and how far the replay has come, to go on from there."""

import csv
import json
import os
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import IO

from services.commands.replay_tally import Refusal
from services.core.records import BEGIN, Place

REFUSED = ".refused.csv"
POSITION = ".position"
SAVE_SECONDS = 1.0
COMPARED_BYTES = 64 * 1024
MOST_SHOWN = 4_096
COLUMNS = ("file", "line", "column", "reason", "detail", "record")


class RefusedReport:
    """A CSV that Excel opens, made when there is something to say."""

    def __init__(self, path: Path, *, go_on: bool) -> None:
        """`go_on`: behind what is there."""
        self.path = path
        self.count = 0
        self.trouble: str | None = None
        self._go_on = go_on
        self._file: IO[str] | None = None

    def write(self, refusal: Refusal) -> None:
        """A line of it. A report that cannot be written hinders nothing; `trouble` says why."""
        self.count += 1
        if self.trouble is not None:
            return
        try:
            if self._file is None:
                begins = not (self._go_on and self.path.exists())
                self._file = self.path.open(
                    "w" if begins else "a", encoding="utf-8-sig" if begins else "utf-8", newline="",
                    errors="backslashreplace",
                )  # fmt: skip
                if begins:
                    csv.writer(self._file).writerow(COLUMNS)
            record = refusal.record[:MOST_SHOWN].decode("utf-8", "backslashreplace")
            row = (refusal.path, refusal.line, refusal.column, refusal.reason, refusal.detail, record)
            csv.writer(self._file).writerow([str(value).replace("\0", "\\0") for value in row])
        except OSError as error:
            self.trouble = f"{self.path}: {error.strerror}"

    def close(self) -> None:
        """It is on the disk."""
        if self._file is not None:
            self._file.close()


class Positions:
    """How far each file was sent: in FILE.position until the whole replay is done. Written after the verdicts."""

    def __init__(self, how: Sequence[str], *, go_on: bool) -> None:
        """`how`: the options by which files are read; with others a position means nothing. `go_on`: from there."""
        self._how = sha256("\x1f".join(how).encode()).hexdigest()[:16]
        self._go_on = go_on
        self._written: dict[Path, Place] = {}
        self._newest: dict[Path, Place] = {}
        self._saved = time.monotonic()
        self.trouble: str | None = None

    def of(self, path: Path) -> tuple[Place, str | None]:
        """Where to begin, and why not where it stopped. Raises OSError."""
        if not self._go_on or not _beside(path).exists():
            return BEGIN, None
        try:
            noted = json.loads(_beside(path).read_text("utf-8"))
            place = Place(int(noted["mark"]), int(noted["line"]))
            same = (noted["how"], noted["begin"]) == (self._how, _known_by(path, noted["compared"], place.mark))
        except (ValueError, KeyError, TypeError):
            same = False
        if not same:
            return BEGIN, "the file or the way it is read has changed: from the beginning"
        self._written[path] = place
        return place, None

    def reached(self, path: Path, place: Place) -> None:
        """Everything before has its verdict."""
        self._newest[path] = place
        if time.monotonic() - self._saved >= SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write down how far it has come. Where that cannot be written nothing else is hindered."""
        self._saved = time.monotonic()
        for path, place in self._newest.items():
            if self._written.get(path) == place:
                continue
            try:
                _write(path, place, self._how)
            except OSError as error:
                self.trouble = f"{_beside(path)}: {error.strerror}"
            self._written[path] = place

    def forget(self) -> None:
        """All is done."""
        for path in {*self._written, *self._newest}:
            _beside(path).unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + POSITION)


def _known_by(path: Path, size: int, mark: int) -> str:
    """Its first bytes and those before the place that was reached (of a file that is no lines: some of the first)."""
    with path.open("rb") as file:
        begin = file.read(size)
        file.seek(max(0, mark - COMPARED_BYTES))
        return sha256(begin + b"\x1f" + file.read(min(mark, COMPARED_BYTES))).hexdigest()


def _write(path: Path, place: Place, how: str) -> None:
    compared = min(path.stat().st_size, COMPARED_BYTES)
    noted = {
        "mark": place.mark, "line": place.line, "how": how, "compared": compared,
        "begin": _known_by(path, compared, place.mark),
    }  # fmt: skip
    new = path.with_name(f"{path.name}{POSITION}.new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(noted, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(_beside(path))
