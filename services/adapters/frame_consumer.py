"""Faust's consumer, handing on frames: contiguous, only of partitions that are open, committed by frame ends.

    assigned ─► closed ─► recovery opens the changelogs ─► its end opens the sources at the state's own offset
    revoked  ─► closed

A partition is open while `_positions` holds the next offset to hand on. Whatever is fetched (Faust seeks, pauses and
clears queues from two threads) is handed on only if it continues there; what lies before is dropped, a hole is read
again, and a hole seen twice breaks a guarantee. So Faust's own read-offset filter, which drops re-deliveries after a
seek, is off, and nothing is delivered between an assignment and the end of its recovery.
"""

import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import Service

from services.adapters.frame_records import RAW, Fetched, Frame, cut, whole

log = logging.getLogger(__name__)

FETCH_TIMEOUT_S = 0.2
"""How long a partition that opens may have to wait for the fetch of the others to give up."""
CLOSED_PAUSE_S = 0.02
WATCH_S = 5.0
LOST_CHECKS = 6
"""A new leader's high watermark may lag behind for a moment; a log that stays shorter than what we read is lost."""
STALLED_CHECKS = 12


class FrameConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread with an aiokafka consumer of frames."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust hard-codes 1,500 ms, which is what a lone scan would wait, and reads aborted transactions.
        consumer._fetch_max_wait_ms = self.app.frame_settings.fetch_wait_ms
        consumer._isolation_level = "read_committed"
        consumer._key_deserializer = RAW
        return consumer

    async def seek_all(self, positions: Mapping[TP, int]) -> None:
        """Seek inside the consumer's thread; Faust's own seek() changes the client's state from another one."""
        await self.call_thread(self._seek_all, positions)

    async def _seek_all(self, positions: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        for tp, offset in positions.items():
            if TopicPartition(*tp) in consumer.assignment():  # else the group is dealing anew, and all is sought again
                consumer.seek(TopicPartition(*tp), offset)

    async def committed_offset(self, tp: TP) -> int | None:
        """The group's committed offset, None without one."""
        offset: int | None = await self.call_thread(self._ensure_consumer().committed, TopicPartition(*tp))
        return offset


class CloseOnRevoke(driver.ConsumerRebalanceListener):  # type: ignore[misc]
    """Closes all partitions the moment the group begins to deal anew."""

    def on_partitions_revoked(self, revoked: Any) -> Any:
        """Called in the consumer's thread."""
        self._thread.consumer.close_partitions()
        return super().on_partitions_revoked(revoked)


class _NoReadOffsets(defaultdict[TP, None]):
    def __init__(self) -> None:
        super().__init__(lambda: None)

    def __setitem__(self, tp: TP, offset: Any) -> None:
        return

    def update(self, *args: Any, **kwargs: Any) -> None:
        return


class FrameConsumer(driver.Consumer):  # type: ignore[misc]
    """Hands each fetched partition to its stream as one message per frame, whose offset is the frame's end."""

    RebalanceListener = CloseOnRevoke

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._positions: dict[TP, int] = {}
        self._turns: defaultdict[TP, int] = defaultdict(int)
        self._fetch_turns: dict[TP, int] = {}
        self._ends: defaultdict[TP, deque[int]] = defaultdict(deque)
        self._holes: dict[TP, tuple[int, int]] = {}
        self._beginnings: set[TP] = set()
        self._dealt = -1
        self._watched: dict[TP, tuple[int, int]] = {}
        super().__init__(*args, **kwargs)
        self._read_offset = _NoReadOffsets()

    def _new_consumer_thread(self) -> FrameConsumerThread:
        return FrameConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def close_partitions(self) -> None:
        """Hand on nothing more until partitions are opened again."""
        self._positions = {}

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        wanted = self._positions.keys() & active_partitions if active_partitions is not None else set(self._positions)
        if not wanted:
            await self.sleep(CLOSED_PAUSE_S)
            return {}
        self._fetch_turns = dict(self._turns)
        return await super()._getmany(wanted, min(timeout, FETCH_TIMEOUT_S))

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Frames that continue where their partition stands."""
        fetched, _ = await self._wait_next_records(timeout)
        turns, generation = self._fetch_turns, self.app.consumer_generation_id
        for found, records in (fetched or {}).items():
            tp = TP(*found)
            for frame in self._frames(tp, records, turns.get(tp, 0)):
                position = self._positions.get(tp)
                if position is None:
                    break
                if frame.turn != self._turns[tp]:
                    # Asked for before a seek, so perhaps fetched behind it: the client's position may have moved on.
                    await self._thread.seek_all({tp: position})
                    break
                if frame.start > position:
                    await self._read_again(tp, position, frame)
                    break
                if self.should_stop or not self.flow_active or self.app.consumer_generation_id != generation:
                    return
                if frame.end < position:
                    continue
                yield tp, self._deliver(tp, frame, generation)

    def _frames(self, tp: TP, fetched: Fetched, turn: int) -> Any:
        settings = self.app.frame_settings
        if self._is_changelog_tp(tp):
            # A state batch must not be seen by halves, and what compaction removed is no hole.
            return [whole(tp.topic, tp.partition, fetched, turn)]
        return cut(tp.topic, tp.partition, fetched, turn, settings.frame_records, settings.frame_bytes)

    def _deliver(self, tp: TP, frame: Frame, generation: int) -> ConsumerMessage:
        self._positions[tp] = frame.end + 1
        self._holes.pop(tp, None)
        if tp in self._beginnings:
            self._beginnings.discard(tp)
            frame.start = 0  # what the log no longer had when the first state began belongs to no state
        if not self._is_changelog_tp(tp):
            self._ends[tp].append(frame.end)
        at = frame.records[-1].timestamp / 1000 if frame.records else 0.0
        return ConsumerMessage(
            tp.topic, tp.partition, frame.end, at, 0, (), b"", frame, None, 0, 0, tp, generation_id=generation
        )

    async def _read_again(self, tp: TP, position: int, frame: Frame) -> None:
        hole = (position, frame.start)
        if self._holes.get(tp) == hole:
            self.app.broken(
                f"every source record is folded: {tp.topic}/{tp.partition} has no records from offset {position} to "
                f"{frame.start - 1}, and no batch header accounts for them (deleted by retention, or another log)"
            )
        self._holes[tp] = hole
        log.warning("%s/%d: fetched %d.., but %d is next; reading again", *tp, frame.start, position)
        await self._thread.seek_all({tp: position})

    async def rewind(self, event: Any, offset: int) -> None:
        """Let go of this frame, which begins beyond what its stage needs next, and read again from `offset`.

        Frames that were already queued behind it come first and want the same call; only the first seeks.
        """
        message = event.message
        frame, tp = message.value, message.tp
        self.drop(event)
        if frame.turn != self._turns[tp] or tp not in self._positions:
            return
        log.warning("%s/%d: the stage got %d.. and needs %d; reading again", *tp, frame.start, offset)
        self._ends[tp] = deque(end for end in self._ends[tp] if end < offset)
        await self._open({tp: offset})

    def drop(self, event: Any) -> None:
        """Forget a frame that nobody will process: it is neither acknowledged nor waited for."""
        self._unacked_messages.discard(event.message)
        event.message.acked = True

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Recovery: read these partitions from here."""
        await self._open({TP(*tp): offset for tp, offset in partitions.items()})

    async def _open(self, positions: Mapping[TP, int]) -> None:
        dealt = self.app.rebalancing_count
        for tp in positions:
            self._positions.pop(tp, None)
        await self._thread.seek_all(positions)
        if dealt == self.app.rebalancing_count == self._dealt:
            for tp in positions:
                self._turns[tp] += 1
            self._positions = {**self._positions, **positions}

    async def perform_seek(self) -> None:
        """End of a recovery: open the sources, each where its state stands."""
        sources = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        starts = await self.app.starts.of(sources)
        if starts is None:
            return  # the group has dealt anew meanwhile
        for tp in sources:
            self._forget(tp)
        self._beginnings = {tp for tp, start in starts.items() if start.is_first}
        await self._open({tp: start.offset for tp, start in starts.items()})

    def _forget(self, tp: TP) -> None:
        for book in (self._ends[tp], self._acked_index[tp], self._acked[tp]):
            book.clear()

    def _new_offset(self, tp: TP) -> int | None:
        """The end of the acknowledged prefix of the frames, plus one."""
        ends, done, new = self._ends[tp], self._acked_index[tp], None
        while ends and ends[0] in done:
            end = ends.popleft()
            done.discard(end)
            new = end + 1
        self._acked[tp].clear()
        return new

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit what is acknowledged before Faust forgets it."""
        self.close_partitions()
        if not self.app.should_stop:
            await self.commit()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Everything stays closed until the recovery that follows."""
        self.close_partitions()
        self._dealt = self.app.rebalancing_count
        await super().on_partitions_assigned(assigned, generation_id)

    @Service.task  # type: ignore[untyped-decorator]
    async def _watch(self) -> None:
        while not self.should_stop:
            await self.sleep(WATCH_S)
            self.check_progress()

    def check_progress(self) -> None:
        """End the worker where a log was lost, or where its records do not come although nothing is under way."""
        assigned = self.assignment()
        for tp, position in list(self._positions.items()):
            end = self.highwater(tp) if tp in assigned else None
            if end is None or self._is_changelog_tp(tp):
                continue
            seen, checks = self._watched.get(tp, (position, 0))
            still = seen == position and end != position and not self._ends[tp] and self.flow_active
            checks = checks + 1 if still else 0
            self._watched[tp] = (position, checks)
            if end < position and checks >= LOST_CHECKS:
                self.app.broken(
                    f"every source record is folded: the log of {tp.topic}/{tp.partition} ends at {end}, but offset "
                    f"{position} is next: records were lost, or it is another log. Rebuild into a next generation"
                )
            if self._stable_end(tp, position, end) > position and checks >= STALLED_CHECKS:
                self.app.broken(
                    f"every source record is folded: {tp.topic}/{tp.partition} stands at {position} of {end} and "
                    f"nothing has come for {checks * WATCH_S:.0f} s"
                )

    def _stable_end(self, tp: TP, position: int, end: int) -> int:
        """Where an open transaction of somebody's ends what may be read; brokers without transactions do not say."""
        stable: int | None = self._thread._ensure_consumer().last_stable_offset(TopicPartition(*tp))
        return stable if stable is not None and stable >= position else end

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's livelock warnings read positions that are gone during a seek; ours is the metric of lag."""
