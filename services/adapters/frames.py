"""Frames: what one fetch brought for one partition goes through Faust as a single message.

Faust costs about 100 µs per message whatever it carries, so it is given few and large ones. Only the edges are ours:
a subclass of its aiokafka consumer that hands over lists of raw records, and commit accounting by frame ends. App,
agents, group membership and worker stay Faust's. What is leaned on beneath the public names of faust and aiokafka has
a contract test (tests/contract/test_frames_contract.py), and both are pinned.

A frame says which source offsets it covers. Offsets that carry no record (transaction markers, aborted batches,
compacted records) are covered when a batch header proved it; a hole that no header explains shows as one.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from inspect import isawaitable
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from services.adapters import batches
from services.adapters.kafka_end import Fetch, newest_fetch
from services.adapters.raw_records import Skipped, raw
from services.core.errors import NotYet

FETCH_WAIT_MS = 50
"""Faust hard-codes 1,500, which is what a scan would wait in a quiet plant."""
MOST_RECORDS = 2_048
"""Per frame: longer ones gain nothing and keep the event loop busy past 50 ms."""


class Frame:
    """Raw records of one partition in offset order, covering the source offsets `start` to `end`.

    `whole` is False where offsets inside are missing without proof. `serial` counts the rewinds of the partition
    before the frame was fetched, so that what was fetched before a rewind can be told from what came after. `round`: in
    which round of the consumer it was handed out.
    """

    __slots__ = ("end", "partition", "records", "round", "serial", "start", "topic", "whole")

    def __init__(self, topic: str, partition: int, fetched: Sequence[Any], serial: int, round: int = 0) -> None:
        first, last = fetched[0], fetched[-1]
        skipped = [each for each in fetched if type(each) is Skipped]
        self.topic, self.partition, self.serial, self.round = topic, partition, serial, round
        self.start: int = first.first if type(first) is Skipped else first.offset
        self.end: int = last.offset
        self.records: Sequence[Any] = [r for r in fetched if type(r) is not Skipped] if skipped else fetched
        covered = len(self.records) + sum(each.offset - each.first + 1 for each in skipped)
        self.whole = covered == self.end - self.start + 1


class FrameClient(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's side of an aiokafka consumer with our settings, in the stage's own loop instead of Faust's thread.

    Records that one processor has unpacked and another one folds cross from cache to cache, and two threads hand the
    interpreter to and fro: a tenth of the time of track. Faust has the thread for agents that block the loop past the
    session timeout; ours fold for a tenth of a second at most, and let the loop go on in between.
    """

    def __init__(self, *args: Any, loop: asyncio.AbstractEventLoop, **kwargs: Any) -> None:
        self.serials: defaultdict[TP, int] = defaultdict(int)
        super().__init__(*args, loop=loop, thread_loop=loop, **kwargs)

    async def start(self) -> None:
        """Connect and join. Raises KafkaError where there is no broker."""
        self._thread_started.set()
        await self._default_start()

    async def on_stop(self) -> None:
        """Leave the group."""
        await self._shutdown_thread()

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Here and now. Some of what Faust calls so is a coroutine, some is not."""
        result = fun(*args, **kwargs)
        return await result if isawaitable(result) else result

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._isolation_level = "read_committed"
        consumer._key_deserializer = raw
        return consumer

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> dict[TP, tuple[int, Sequence[Any]]]:
        # Taking records and moving the position is a single step of the loop, and so is `rewind`: what is taken here
        # was fetched after as many rewinds as have been counted by now.
        taken = await super()._fetch_records(*args, **kwargs)
        return {tp: (self.serials[tp], records) for tp, records in taken.items()}

    def rewind(self, tp: TP, offset: int) -> None:
        """Move the position, if the partition is still ours, and count it."""
        self.serials[tp] += 1
        consumer = self._ensure_consumer()
        if tp in consumer.assignment():
            consumer.seek(tp, offset)


class _NoReadOffsets(defaultdict[TP, None]):
    """Faust drops what lies below the last offset it read. A record still being delivered while it seeks back writes
    a stale value there, and everything delivered again below it would be lost; frames are checked by their stage."""

    def __init__(self) -> None:
        super().__init__(lambda: None)

    def __setitem__(self, tp: TP, offset: Any) -> None:
        return

    def update(self, *args: Any, **kwargs: Any) -> None:
        return


class FrameConsumer(driver.Consumer):  # type: ignore[misc]
    """Hands each fetched partition to the stream as one message, whose offset is the last one it covers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._frame_ends: defaultdict[TP, deque[int]] = defaultdict(deque)
        self.rounds = 0
        super().__init__(*args, **kwargs)
        self._read_offset = _NoReadOffsets()

    def _new_consumer_thread(self) -> FrameClient:
        return FrameClient(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        # From the resumption of the partitions to the end of a rebalance Faust already fetches, and then clears what
        # it fetched: records would be gone.
        if self.app.rebalancing:
            await self.sleep(0.02)
            return {}
        return await super()._getmany(active_partitions, timeout)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """One message per fetched partition, at most MOST_RECORDS records each."""
        self.rounds += 1
        fetched, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if fetched is None or self.should_stop or self.app.should_stop:
            return  # seeking back would forget the frames under way, and what is done of them could not be committed
        if not self.flow_active:
            await self.perform_seek()
            return
        for tp, (serial, records) in fetched.items():
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                continue
            for at in range(0, len(records), MOST_RECORDS):
                if not self.flow_active or self.app.consumer_generation_id != generation:
                    return
                frame = Frame(tp.topic, tp.partition, records[at : at + MOST_RECORDS], serial, self.rounds)
                self._frame_ends[tp].append(frame.end)
                yield tp, self._message(tp, frame, generation)

    def _message(self, tp: TP, frame: Frame, generation: int) -> ConsumerMessage:
        timestamp = frame.records[-1].timestamp / 1000 if frame.records else 0.0
        return ConsumerMessage(
            tp.topic, tp.partition, frame.end, timestamp, 0, (), b"", frame, None, 0, 0, tp, generation_id=generation
        )

    def serial(self, tp: TP) -> int:
        """How often this partition was rewound."""
        return int(self._thread.serials[tp])

    def newest_fetch(self, tp: TP) -> Fetch | None:
        """What the newest answer said about the partition's end; None before the first, and where it is not ours."""
        client = self._thread._consumer
        return None if client is None else newest_fetch(client, tp)

    async def rewind(self, tp: TP, offset: int) -> None:
        """Read the partition again from this offset; frames fetched before carry an older serial."""
        self._forget_frames(tp)
        self._thread.rewind(tp, offset)

    def drop(self, message: Any) -> None:
        """Let go of a frame that nobody will process: it is neither acknowledged nor waited for."""
        self._unacked_messages.discard(message)
        message.acked = True
        with contextlib.suppress(ValueError):
            self._frame_ends[message.tp].remove(message.offset)

    def committed_before(self, tp: TP) -> int | None:
        """Where the group stood when this member got the partition; None if it never committed."""
        committed: int | None = self._committed_offset[tp]
        return committed

    def _forget_frames(self, tp: TP) -> None:
        self._frame_ends[tp].clear()
        self._acked_index[tp].clear()
        self._acked[tp].clear()

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Frames need no gaps: their ends are the only offsets that are ever committed."""

    def _new_offset(self, tp: TP) -> int | None:
        """The end of the acknowledged prefix of the frames, plus one."""
        ends, done, new = self._frame_ends[tp], self._acked_index[tp], None
        while ends and ends[0] in done:
            end = ends.popleft()
            done.discard(end)
            new = end + 1
        if not ends:
            done.clear()  # of frames that were forgotten while they were under way
        self._acked[tp].clear()
        return new

    async def perform_seek(self) -> None:
        """Seek to the committed offsets; frames under way are fetched again."""
        for tp in list(self._frame_ends):
            self._forget_frames(tp)
        await super().perform_seek()


class FrameTransport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport with frames."""

    Consumer = FrameConsumer


class FrameSchema(faust.Schema):  # type: ignore[misc]
    """Hands a frame through undecoded."""

    def compile(self, app: Any, **kwargs: Any) -> Any:
        """The decoder Faust asks for."""

        async def decode(message: Any, **propagate: Any) -> Any:
            return app.create_event(None, message.value, message.headers, message)

        return decode


async def acknowledged(futures: Sequence["asyncio.Future[Any]"]) -> None:
    """Wait for every acknowledgement; the first failure is raised, NotYet where none comes for too long."""
    try:
        async with asyncio.timeout(batches.ACKNOWLEDGED_S):
            for future in futures:
                await future
    except TimeoutError as error:
        raise NotYet(f"the broker has acknowledged nothing for {batches.ACKNOWLEDGED_S:.0f} s") from error
