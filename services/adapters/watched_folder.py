"""A folder into which others write files: what is new in them is read, whole line by whole line.

Readings, refusals and the place they end at go into the queue together, so whenever the program is killed nothing is
missed and nothing is doubled. Files are only read, never moved or removed.
"""

import asyncio
import contextlib
import fnmatch
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from services.adapters.files.csv_rows import NotYet
from services.adapters.files.mapped import EventFile
from services.adapters.files.opened import OF_LINES, format_of
from services.core.mapping import RecordMapping
from services.core.reading import Kind, Reading, Unreadable
from services.core.records import BadFile, BadRecord, FileEvent, FileForm, Place
from services.core.watched import COMPARED, Noted, Seen, afresh, forgotten, is_passed_over, moved
from services.ports import Notes, Take

log = logging.getLogger("floorstream.edge")

MOST_AT_ONCE = 500
"""Events in one call of the queue."""
MOST_BYTES_AT_ONCE = 8 << 20
"""Bytes of the records that they were made of."""
NOTE = "file:"


@dataclass(frozen=True)
class FolderSettings:
    """One folder of the edge file. `settled_s`: a file that is only whole as a whole (XES, Excel) is read once
    nothing was written for so long; `last_line_s`: so is a last line that has no end."""

    name: str
    source: str
    directory: Path
    pattern: str = "*"
    form: FileForm = field(default_factory=FileForm)
    mapping: RecordMapping | None = None
    time_zone: str | None = None
    every_s: float = 2.0
    settled_s: float = 10.0
    last_line_s: float = 600.0


@dataclass
class _Batch:
    readings: list[Reading] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    place: Place | None = None
    trouble: BadFile | None = None
    ended: bool = False


class _OnDisk(NamedTuple):
    """A file that is read. `known_by`: what it is known by at a place."""

    path: Path
    seen: Seen
    known_by: Callable[[Path, Place], str]

    def stands(self) -> str:
        """The same as long as it is that file and what was seen of it was not written over; more may be added."""
        found = self.path.stat()
        return f"{found.st_dev} {found.st_ino} {self.known_by(self.path, Place(self.seen.size, 0))}"


class WatchedFolder:
    """See ports.Collector."""

    def __init__(self, settings: FolderSettings) -> None:
        """Nothing is read before run()."""
        self._settings = settings
        self._notes: dict[str, Noted] = {}
        self._still: dict[str, tuple[Seen, float]] = {}
        self._said: dict[str, int | None] = {}
        self._up = False

    @property
    def name(self) -> str:
        """See ports.Collector."""
        return self._settings.name

    @property
    def up(self) -> bool:
        """Can the folder be read?"""
        return self._up

    async def run(self, take: Take, notes: Notes) -> None:
        """See ports.Collector."""
        await self.remember(notes)
        while True:
            await self.look(take)
            await asyncio.sleep(self._settings.every_s)

    async def remember(self, notes: Notes) -> None:
        """What was read already."""
        found = {_named(key): Noted.of_text(text) for key, text in (await notes.find(NOTE)).items()}
        self._notes = {name: noted for name, noted in found.items() if noted is not None}

    async def look(self, take: Take) -> None:
        """Read what is new just now."""
        try:
            there = await asyncio.to_thread(self._listed)
        except OSError as error:
            self._up = False
            self._complain(str(self._settings.directory), error)
            return
        self._up = True
        self._said.pop(str(self._settings.directory), None)
        await self._follow(there, take)
        for seen in there:
            try:
                await self._file(seen, take)
            except OSError as error:
                self._complain(seen.name, error)
        self._still = {seen.name: self._still[seen.name] for seen in there if seen.name in self._still}
        await self._forget(there, take)

    def _complain(self, what: str, error: OSError) -> None:
        """Once for each trouble of a file or the folder."""
        if self._said.get(what) != error.errno:
            self._said[what] = error.errno
            log.warning("%s: %s: %s: tried again 无法读取，将重试", self.name, what, error.strerror)

    def _listed(self) -> list[Seen]:
        """Files that are wanted, and those that were known by a name that was: a log has its last lines then, too."""
        there = []
        known = {noted.inode for noted in self._notes.values() if noted.inode and self._is_wanted(noted.name)}
        with os.scandir(self._settings.directory) as entries:
            for entry in entries:
                if is_passed_over(entry.name) or not (self._is_wanted(entry.name) or entry.inode() in known):
                    continue
                with contextlib.suppress(OSError):  # it has gone meanwhile, or leads to where we may not look
                    if entry.is_file():
                        found = entry.stat()
                        there.append(Seen(entry.name, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))
        return sorted(there, key=lambda seen: (seen.modified_ns, seen.name))

    def _is_wanted(self, name: str) -> bool:
        return fnmatch.fnmatch(name, self._settings.pattern)

    async def _follow(self, there: list[Seen], take: Take) -> None:
        """What was moved is known by its new name."""
        names = moved(there, self._notes)
        if not names:
            return
        adopted = {new: self._notes[old] for new, old in names.items()}
        gone = [old for old in names.values() if old not in adopted]
        notes = {_key(name): noted.text() for name, noted in adopted.items()}
        await take([], notes=notes | dict.fromkeys(map(_key, gone), None))
        for name in gone:
            del self._notes[name]
        self._notes.update(adopted)
        for new, old in names.items():
            log.info("%s: %s was %s 文件已改名", self.name, new, old)

    async def _file(self, seen: Seen, take: Take) -> None:
        noted, is_wanted = self._notes.get(seen.name) or afresh(seen), self._is_wanted(seen.name)
        if noted.read_so(seen) or not (is_wanted or (noted.mark and self._is_wanted(noted.name))):
            return
        path = self._settings.directory / seen.name
        of_lines = format_of(path, self._settings.form) in OF_LINES
        still_s = self._still_for(seen)
        if not of_lines and still_s < self._settings.settled_s:
            return
        file = _OnDisk(path, seen, _compared if of_lines else _whole)
        stands = await asyncio.to_thread(file.stands)
        if not stands.startswith(f"{seen.device} {seen.inode} "):
            return  # another file by now: the next look knows where this one went
        if noted.mark and await asyncio.to_thread(file.known_by, path, noted.place) != noted.compared:
            if not is_wanted:
                return
            noted = afresh(seen)
        await self._read(file, stands, noted, of_lines and still_s < self._settings.last_line_s, take)

    def _still_for(self, seen: Seen) -> float:
        """Seconds since it was seen to change."""
        before = self._still.get(seen.name)
        if before is None or before[0] != seen:
            self._still[seen.name] = seen, monotonic()
            return 0.0
        return monotonic() - before[1]

    async def _read(self, on_disk: _OnDisk, stands: str, noted: Noted, growing: bool, take: Take) -> None:
        """`stands`: as it stood before anything of it was read or compared."""
        settings, path, seen = self._settings, on_disk.path, on_disk.seen
        form = replace(settings.form, encoding=noted.encoding or settings.form.encoding)
        file = EventFile(path, form, settings.mapping, settings.time_zone, noted.name)
        events = file.events(noted.place, as_they_stand=False, growing=growing)
        while True:
            batch = await asyncio.to_thread(self._batch, events, seen.name, growing)
            place = batch.place or file.place
            compared = await asyncio.to_thread(on_disk.known_by, path, place)
            if await asyncio.to_thread(on_disk.stands) != stands:
                return  # written anew meanwhile: a place in one is none in the other; the next look begins again
            noted = noted.at(seen, place, file.encoding or noted.encoding, compared)
            if batch.ended and (not growing or place.mark >= seen.size or batch.trouble is not None):
                noted = noted.all_of(seen)
            if noted != self._notes.get(seen.name):
                await take(batch.readings, notes={_key(seen.name): noted.text()}, unreadable=batch.unreadable)
                self._notes[seen.name] = noted
            if batch.ended:
                self._say(seen, file, batch)
                return

    def _say(self, seen: Seen, file: EventFile, batch: _Batch) -> None:
        if batch.trouble is not None:
            log.warning("%s: %s: %s", self.name, seen.name, batch.trouble)
        elif batch.readings or batch.unreadable:
            log.info("%s: %s read to line %d (%s) 已读取", self.name, seen.name, file.place.line, file.written)

    def _batch(self, events: Iterator[FileEvent | BadRecord], name: str, growing: bool) -> _Batch:
        """The next events, to the end of a record."""
        batch, source, size = _Batch(), self._settings.source, 0
        try:
            for event in events:
                size += len(event.raw)
                if isinstance(event, BadRecord):
                    batch.unreadable.append(_unreadable(source, name, event))
                else:
                    assert event.event is not None
                    batch.readings.append(Reading(Kind(event.kind), source, event.event))
                full = len(batch.readings) + len(batch.unreadable) >= MOST_AT_ONCE or size >= MOST_BYTES_AT_ONCE
                if event.after is not None and full:
                    batch.place = event.after
                    return batch
        except BadFile as trouble:
            batch.ended = True
            if growing and isinstance(trouble, NotYet):
                return batch
            batch.trouble = trouble
            batch.unreadable.append(Unreadable(source, b"", f"{name}: {trouble.en}", f"{name}：{trouble.zh}"))
        batch.ended = True
        return batch

    async def _forget(self, there: list[Seen], take: Take) -> None:
        names = forgotten(self._notes, there)
        if names:
            await take([], notes=dict.fromkeys(map(_key, names), None))
            for name in names:
                del self._notes[name]


def _key(name: str) -> str:
    """The key of a file's note: a name that is not UTF-8 is no text that a database holds."""
    return NOTE + json.dumps(name)[1:-1]


def _named(key: str) -> str:
    name: str = json.loads(f'"{key.removeprefix(NOTE)}"')
    return name


def _unreadable(source: str, name: str, bad: BadRecord) -> Unreadable:
    en = f"{name}, line {bad.line}" + (f", column {bad.column}" if bad.column else "")
    zh = f"{name} 第 {bad.line} 行" + (f"，列 {bad.column}" if bad.column else "")
    return Unreadable(source, bad.raw, f"{en}: {bad.en}", f"{zh}：{bad.zh}")


def _whole(path: Path, _: Place) -> str:
    """What a file that is only whole as a whole is known by."""
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns}"


def _compared(path: Path, place: Place) -> str:
    """What a file of lines is known by: its begin, and what stands before a place. Empty where it is shorter."""
    with path.open("rb") as file:
        begin = file.read(min(COMPARED, place.mark))
        file.seek(max(0, place.mark - COMPARED))
        end = file.read(min(COMPARED, place.mark))
    return sha256(begin + end).hexdigest()[:32] if len(end) == min(COMPARED, place.mark) else ""
