"""Which file of a folder is which, and how much of it was read: what is remembered of files that grow and are moved.

    same name, same file, longer              goes on where it stopped
    same name, shorter, or other content      is another file: from its beginning
    another name, same file                   was moved: goes on, and keeps the name by which ids are made

Events read again have the same ids, so reading too much again changes nothing; a copy has ids of its own.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from services.core.records import BEGIN, Place

COMPARED = 4096
"""Bytes at the begin, and before the place that was reached, by which a file is known again."""
MOST_NOTES = 20_000
"""Files that are remembered; of those that are gone, the oldest are forgotten first."""
_PASSED_OVER = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", "~")


class Seen(NamedTuple):
    """A file as it lies there. `device` and `inode`: which file it is, whatever its name; inode 0: not known."""

    name: str
    device: int
    inode: int
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Noted:
    """What is remembered of a file. `name`: by which ids are made. `read`: all that was there when it was so long."""

    name: str
    device: int = 0
    inode: int = 0
    mark: int = 0
    line: int = 0
    encoding: str | None = None
    compared: str = ""
    size: int = -1
    modified_ns: int = -1

    @property
    def place(self) -> Place:
        """Where reading goes on."""
        return Place(self.mark, self.line)

    def read_so(self, seen: Seen) -> bool:
        """Was it read as it lies there?"""
        return (self.size, self.modified_ns, self.device, self.inode) == (
            seen.size, seen.modified_ns, seen.device, seen.inode,
        )  # fmt: skip

    def at(self, seen: Seen, place: Place, encoding: str | None, compared: str) -> "Noted":
        """Read up to a place."""
        return Noted(self.name, seen.device, seen.inode, place.mark, place.line, encoding, compared)

    def all_of(self, seen: Seen) -> "Noted":
        """All that is there was read."""
        return replace(self, size=seen.size, modified_ns=seen.modified_ns, device=seen.device, inode=seen.inode)

    def text(self) -> str:
        """As a note."""
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> "Noted | None":
        """None where another version wrote it."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


def is_passed_over(name: str) -> bool:
    """Is it hidden, or written under another name than it will have?"""
    return name.startswith((".", "~$")) or name.lower().endswith(_PASSED_OVER)


def moved(there: Iterable[Seen], notes: Mapping[str, Noted]) -> dict[str, str]:
    """The new name of every file that was moved → under which it is remembered."""
    there = list(there)
    names = {(note.device, note.inode): name for name, note in notes.items() if note.inode}
    stayed = {(seen.device, seen.inode) for seen in there if names.get((seen.device, seen.inode)) == seen.name}
    return {
        seen.name: names[seen.device, seen.inode]
        for seen in there
        if (seen.device, seen.inode) in names and (seen.device, seen.inode) not in stayed
    }


def afresh(seen: Seen) -> Noted:
    """A file of which nothing was read."""
    return Noted(seen.name, seen.device, seen.inode, BEGIN.mark, BEGIN.line)


def forgotten(notes: Mapping[str, Noted], there: Iterable[Seen], most: int = MOST_NOTES) -> list[str]:
    """The names to forget, so that no more than so many are remembered."""
    names = {seen.name for seen in there}
    gone = sorted((note.modified_ns, name) for name, note in notes.items() if name not in names)
    return [name for _, name in gone[: max(0, len(notes) - most)]]
