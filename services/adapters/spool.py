"""The durable queue at the edge: what was read waits here until a server has said what became of it.

    collectors ─► add ─┐                           ┌─► head ─► forwarder ─► server
                       ├─► one thread, one file ───┤
    forwarder ─► settle┘   (many calls, one commit)└─► notes

Nothing is ever dropped: `add` waits while the queue is full, until the server has taken some of it.
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from services.adapters.clock import moment
from services.adapters.spool_file import Lane, Queued, Refused, SpoolFile, SpoolFull, SpoolLost
from services.core.reading import Row, Unreadable

log = logging.getLogger("floorstream.edge")

LOOK_AGAIN_SECONDS = 2.0
SAY_AGAIN_SECONDS = 60.0
MOST_AT_ONCE = 256
"""Calls in one commit."""
QUIET_SECONDS = 5.0
"""After so long without a call some of the free space goes back to the disk."""

UNREADABLE = "unreadable"
"""The reason of what came from a device and is no event; its `kind` is the collector."""

Result = TypeVar("Result")


class _Call(NamedTuple):
    work: Callable[[SpoolFile], Any]
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Spool:
    """The queue of one edge program. Opened with `start`, from then on only for its event loop."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        """Nothing is opened before `start`."""
        self._directory = directory
        self._max_bytes = max_bytes
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._room = asyncio.Event()
        self._news: dict[int, asyncio.Event] = {}
        self._said = float("-inf")
        self.full = False
        """Do collectors wait for room?"""
        self.new_lane = asyncio.Event()
        """Set when readings of a source or kind came that were never seen before."""

    async def start(self) -> None:
        """Open the file, making it where there is none. Raises SpoolLost."""
        self._thread.start()
        await self._call(lambda file: None)

    async def stop(self) -> None:
        """What was called is done, then the file is closed."""
        if self._thread.is_alive():
            self._calls.put(None)
            await asyncio.to_thread(self._thread.join)

    async def add(
        self, collector: str, rows: Sequence[Row], notes: Mapping[str, str | None], unreadable: Sequence[Unreadable]
    ) -> None:
        """All of it or nothing; returns when it is on the disk. Waits while the queue is full."""
        taken = moment()
        refused = [
            Refused(taken.wall_us, source, collector, None, UNREADABLE, en, zh, raw)
            for source, raw, en, zh in unreadable
        ]

        def work(file: SpoolFile) -> set[int]:
            if rows or refused:
                file.require_room()
            file.write_notes(collector, notes)
            file.refuse(refused)
            return file.add(rows, taken)

        for lane in await self._when_there_is_room(work, collector):
            if lane not in self._news:
                self.new_lane.set()
            self.news(lane).set()

    async def head(self, lane: int, most_items: int, most_bytes: int) -> list[Queued]:
        """The oldest readings of a lane, in order."""
        return await self._call(lambda file: file.head(lane, most_items, most_bytes))

    async def settle(self, lane: int, last: int, sent: int, refused: Sequence[Refused]) -> None:
        """Everything of the lane up to `last` has its verdict: it leaves the queue."""

        def work(file: SpoolFile) -> None:
            file.settle(lane, last, sent, refused)

        await self._until_written(work)
        self._room.set()

    async def note(self, collector: str, key: str) -> str | None:
        """A collector's note."""
        return await self._call(lambda file: file.note(collector, key))

    async def notes(self, collector: str, prefix: str) -> dict[str, str]:
        """A collector's notes whose key begins so."""
        return await self._call(lambda file: file.notes(collector, prefix))

    async def lanes(self) -> list[Lane]:
        """All lanes, with how much waits in each."""
        return await self._call(lambda file: file.lanes())

    async def used_bytes(self) -> int:
        """What the queue holds on the disk."""
        return await self._call(lambda file: file.used_bytes())

    def news(self, lane: int) -> asyncio.Event:
        """Set whenever something was added to the lane; whoever waits for it clears it."""
        return self._news.setdefault(lane, asyncio.Event())

    async def _when_there_is_room(self, work: Callable[[SpoolFile], Result], collector: str) -> Result:
        while True:
            self._room.clear()
            try:
                result = await self._call(work)
            except SpoolFull:
                self._say_full(collector)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                        await self._room.wait()
            else:
                if self.full:
                    self.full = False
                    log.warning("the queue has room again: %s reads on 队列已有空间，恢复读取", collector)
                return result

    async def _until_written(self, work: Callable[[SpoolFile], Result]) -> Result:
        while True:
            try:
                return await self._call(work)
            except SpoolFull:
                self._say_full("forwarder")
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def _say_full(self, who: str) -> None:
        now = asyncio.get_running_loop().time()
        self.full = True
        if now - self._said >= SAY_AGAIN_SECONDS:
            self._said = now
            log.error(
                "the queue is full (%s, spool.max_bytes %d) or its disk is: %s waits; nothing that was taken is lost. "
                "Let the server be reached again, or give the queue more room 队列或磁盘已满，暂停读取",
                self._directory, self._max_bytes, who,
            )  # fmt: skip

    def _call(self, work: Callable[[SpoolFile], Result]) -> "asyncio.Future[Result]":
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()
        self._calls.put(_Call(work, done, loop))
        return done

    def _run(self) -> None:
        try:
            file = SpoolFile(self._directory, self._max_bytes)
        except SpoolLost as error:
            while (call := self._calls.get()) is not None:
                _answer(call, None, error)
            return
        ended = False
        while not ended:
            calls, ended = self._waiting()
            if calls:
                _work(file, calls)
            elif not ended:
                file.give_back()
        file.close()

    def _waiting(self) -> tuple[list[_Call], bool]:
        """What is to be done next, nothing if it is quiet; and whether that is all there will be."""
        calls: list[_Call] = []
        with contextlib.suppress(queue.Empty):
            call = self._calls.get(timeout=QUIET_SECONDS)
            while call is not None:
                calls.append(call)
                if len(calls) >= MOST_AT_ONCE:
                    return calls, False
                call = self._calls.get_nowait()
            return calls, True
        return calls, False


def _work(file: SpoolFile, calls: Sequence[_Call]) -> None:
    """All calls in one transaction; each learns its result when that is on the disk."""
    answers: list[tuple[_Call, Any, Exception | None]] = []
    try:
        file.begin()
        for call in calls:
            try:
                answers.append((call, call.work(file), None))
            except SpoolFull as full:  # raised before anything was written
                answers.append((call, None, full))
        file.commit()
    except Exception as error:  # a thread that ended would let everybody wait for ever
        said = _meaning(error)
        try:
            file.roll_back()
        except sqlite3.Error as again:
            said = SpoolLost(f"the queue could not be rolled back: {again}")
        else:
            if len(calls) > 1:  # one by one: who only reads, or writes little, has nothing to do with it
                for call in calls:
                    _work(file, [call])
                return
        answers = [(call, None, said) for call in calls]
    for call, result, failure in answers:
        _answer(call, result, failure)


def _meaning(error: Exception) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return SpoolFull()
    return SpoolLost(f"the queue's file cannot be used any more: {error}")


def _answer(call: _Call, result: Any, failure: Exception | None) -> None:
    def tell() -> None:
        if call.done.cancelled():
            return
        if failure is None:
            call.done.set_result(result)
        else:
            call.done.set_exception(failure)

    with contextlib.suppress(RuntimeError):  # the loop has ended: nobody asks any more
        call.loop.call_soon_threadsafe(tell)
