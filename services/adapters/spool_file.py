"""The file of the queue at the edge: SQLite, written by one thread, every commit on the disk before it counts.

Write-ahead log with `synchronous=FULL`: a commit that returned outlives a power cut. All calls block and belong to the
thread that opened the file. https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_synchronous
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from services.adapters.statements import statements
from services.core.reading import MOST_KEPT, Moment, Row

NAME = "spool.sqlite"
VERSION = 1
LANE_BITS = 40
_LAST = (1 << LANE_BITS) - 1
MOST_LANES = 2_000
"""Every lane costs memory and has a request under way."""
_TOO_MANY = (
    "too_many_sources", f"more than {MOST_LANES} sources and kinds: what does the mapping take `source` from?",
    f"来源与类型的组合超过 {MOST_LANES} 个：请检查映射中的 source",
)  # fmt: skip
MOST_REFUSED = 20_000
"""So many refused items are kept, the newest; a server keeps all that it refused."""
MOST_WORDS = 1_000
"""Characters that are kept of a text of a refused item."""
MOST_OF_ONE = MOST_KEPT + 8 * MOST_WORDS
"""Bytes that a refused item has on the disk; all of them have a quarter of the queue's room at most."""
PAGES_GIVEN_BACK = 2_000
"""A step of giving space back to the disk: a few MB, so that nobody waits long for it."""


class SpoolFull(Exception):
    """The queue holds as much as it may, or the disk is full: nothing was written."""


class SpoolLost(Exception):
    """The queue cannot be used; the message says why and what to do."""


class Refused(NamedTuple):
    """An item that will not count, and why. `at` in µs; `reason`: the server's, or `unreadable`."""

    at: int
    source: str
    kind: str
    event_id: str | None
    reason: str
    en: str
    zh: str
    body: bytes


class Queued(NamedTuple):
    """A reading in the queue. `taken`: when it was put there."""

    id: int
    body: bytes
    clock_us: int | None
    taken: Moment


class Lane(NamedTuple):
    """All readings of one kind of one source, in order: how many wait, and since when the oldest does (wall clock)."""

    lane: int
    source: str
    kind: str
    queued: int
    oldest_us: int | None
    sent: int
    refused: int


def open_database(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection, as this thread's. Raises SpoolLost."""
    try:
        uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
        database = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10.0)
        if read_only:
            database.execute("SELECT lane FROM lanes LIMIT 1")
            return database
        database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA cache_size = -8000")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if not version:
            tables = statements("spool")["tables"]
            database.executescript(f"BEGIN IMMEDIATE; {tables} PRAGMA user_version = {VERSION}; COMMIT;")
        elif version != VERSION:
            raise SpoolLost(f"{path} is of another version ({version}; ours: {VERSION}): use the program that wrote it")
    except sqlite3.Error as error:
        raise SpoolLost(f"{path}: {error}") from error
    return database


class SpoolFile:
    """The tables. Every writing call is to be made between `begin` and `commit`."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        """Raises SpoolLost, also where another program has this queue."""
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SpoolLost(f"{directory}: {error.strerror}: give the queue a directory of its own") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise SpoolLost(f"{directory} is in use by another edge program 已被另一边缘程序占用") from None
        self._sql = statements("spool")
        self._max_bytes = max_bytes
        try:
            self._database = open_database(directory / NAME)
            self._look()
        except (SpoolLost, sqlite3.Error) as error:
            os.close(self._lock)
            raise error if isinstance(error, SpoolLost) else SpoolLost(f"{directory / NAME}: {error}") from error

    def begin(self) -> None:
        """Open a transaction."""
        self._database.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Returns when it is on the disk."""
        self._database.execute("COMMIT")

    def roll_back(self) -> None:
        """As if nothing had happened since `begin`; also where no transaction is open any more."""
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        self._look()

    def close(self) -> None:
        """The file can be opened by others again."""
        self._database.close()
        os.close(self._lock)

    def used_bytes(self) -> int:
        """What the queue holds on the disk, without the space that is free inside it."""
        (pages,), (free,), (size,) = (
            self._database.execute(f"PRAGMA {name}").fetchone()
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def require_room(self) -> None:
        """Raises SpoolFull."""
        if self.used_bytes() >= self._max_bytes and self._database.execute(self._sql["any"]).fetchone():
            raise SpoolFull  # where nothing waits nobody would ever make room

    def add(self, rows: Sequence[Row], taken: Moment) -> set[int]:
        """Behind what is there; the lanes they are in. What is of one source too many is refused."""
        touched = set()
        for row in rows:
            lane = self._lane(row.source, row.kind)
            if lane is None:
                self.refuse([Refused(taken.wall_us, row.source, row.kind, None, *_TOO_MANY, row.body)])
                continue
            number = self._next[lane]
            self._database.execute(self._sql["add"], (number, row.body, row.clock_us, *taken))
            self._next[lane] = number + 1
            touched.add(lane)
        return touched

    def head(self, lane: int, most_items: int, most_bytes: int) -> list[Queued]:
        """The oldest of a lane: at least one where there is any, else as many as fit."""
        found: list[Queued] = []
        room = most_bytes
        for number, body, clock, *taken in self._database.execute(self._sql["head"], (*_span(lane), most_items)):
            room -= len(body)
            if found and room < 0:
                break
            found.append(Queued(number, body, clock, Moment(*taken)))
        return found

    def settle(self, lane: int, last: int, sent: int, refused: Sequence[Refused]) -> None:
        """Take away everything of the lane up to `last`: `sent` of it was accepted, the rest refused."""
        self._database.execute(self._sql["remove"], (_span(lane)[0], last))
        self._database.execute(self._sql["count"], (sent, len(refused), lane))
        self.refuse(refused)

    def refuse(self, refused: Sequence[Refused]) -> None:
        """Keep what will not count; of very much, the newest."""
        if refused:
            self._database.executemany(self._sql["refuse"], [_writable(each) for each in refused])
            most = min(MOST_REFUSED, self._max_bytes // (4 * MOST_OF_ONE))
            self._database.execute(self._sql["forget_refused"], (most,))

    def note(self, collector: str, key: str) -> str | None:
        """A collector's note."""
        found = self._database.execute(self._sql["note"], (collector, key)).fetchone()
        return None if found is None else found[0]

    def notes(self, collector: str, prefix: str) -> dict[str, str]:
        """A collector's notes whose key begins so."""
        found: dict[str, str] = {}
        for key, value in self._database.execute(self._sql["notes"], (collector, prefix)):
            if not key.startswith(prefix):
                break
            found[key] = value
        return found

    def write_notes(self, collector: str, notes: Mapping[str, str | None]) -> None:
        """None forgets a note."""
        for key, value in notes.items():
            if value is None:
                self._database.execute(self._sql["forget_note"], (collector, key))
            else:
                self._database.execute(self._sql["write_note"], (collector, key, value))

    def lanes(self) -> list[Lane]:
        """All of them."""
        return read_lanes(self._database)

    def give_back(self) -> None:
        """Give some of the space that is free inside the file back to the disk."""
        with contextlib.suppress(sqlite3.Error):  # later, then
            if self._database.execute("PRAGMA freelist_count").fetchone()[0] > PAGES_GIVEN_BACK:
                self._database.execute(f"PRAGMA incremental_vacuum({PAGES_GIVEN_BACK})").fetchall()

    def _lane(self, source: str, kind: str) -> int | None:
        lane = self._lanes.get((source, kind))
        if lane is None and len(self._lanes) < MOST_LANES:
            lane = int(self._database.execute(self._sql["add_lane"], (source, kind)).fetchone()[0])
            self._lanes[(source, kind)] = lane
            self._next[lane] = _span(lane)[0]
        return lane

    def _look(self) -> None:
        """Which lanes there are, and where each goes on."""
        self._lanes = {(lane.source, lane.kind): lane.lane for lane in read_lanes(self._database)}
        self._next = {number: self._ends(number)[1] + 1 for number in self._lanes.values()}

    def _ends(self, lane: int) -> tuple[int, int]:
        first, last = _span(lane)
        found = self._database.execute(self._sql["ends"], (first, last)).fetchone()
        return (first, first - 1) if found[0] is None else found


def read_lanes(database: sqlite3.Connection) -> list[Lane]:
    """All lanes, with how much waits in each, all as of one moment: a forwarder may be emptying them."""
    sql, found = statements("spool"), []
    with _one_moment(database):
        for lane, source, kind, sent, refused in database.execute(sql["lanes"]).fetchall():
            first, last = database.execute(sql["ends"], _span(lane)).fetchone()
            oldest = None if first is None else database.execute(sql["oldest"], (first,)).fetchone()[0]
            queued = 0 if first is None else last - first + 1
            found.append(Lane(lane, source, kind, queued, oldest, sent, refused))
    return found


@contextlib.contextmanager
def _one_moment(database: sqlite3.Connection) -> Iterator[None]:
    """What is read in here is of one moment; nothing is done where a transaction is under way."""
    if database.in_transaction:
        yield
        return
    database.execute("BEGIN")
    try:
        yield
    finally:
        database.execute("ROLLBACK")


def read_refused(database: sqlite3.Connection, most: int) -> list[Refused]:
    """The newest first."""
    return [Refused(*row) for row in database.execute(statements("spool")["refused"], (most,))]


def refused_reasons(database: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """Source, reason, how many are kept."""
    found: Any = database.execute(statements("spool")["refused_reasons"]).fetchall()
    return list(found)


def _writable(refused: Refused) -> tuple[object, ...]:
    """Not too long; names of files and words of servers may hold halves of surrogates, which no database can hold."""
    return tuple(
        value[:MOST_WORDS].encode("utf-8", "backslashreplace").decode() if isinstance(value, str)
        else value[:MOST_KEPT] if isinstance(value, bytes) else value
        for value in refused
    )  # fmt: skip


def _span(lane: int) -> tuple[int, int]:
    return lane << LANE_BITS, (lane << LANE_BITS) | _LAST
