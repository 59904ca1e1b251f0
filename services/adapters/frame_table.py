"""A Faust table for state that moves in frames: bytes per key, one dict per partition, one batch per frame.

    table = app.frame_table("units", source="floor.scans", on_recovered=…, on_lost=…)
    table.partition(p)                dict of key → value; the stage changes it when it folds
    table.write(p, items, mark)       future: one atomic batch of (key, value or None) that brings the state to source
                                      offset `mark`. It does not touch the dict, which may already be further on.
    table.epoch(p), table.mark(p), table.stale_keys(p)
    await table.read_back(p)          keys a former owner wrote after we took over; write them with the next frame

Recovery is Faust's, told where the changelog ends: at our own epoch record (frame_replay.py). It never asks for the
broker's "latest". `on_recovered(p)` runs before any source record of p is fetched; `on_lost(p)` when others have p.
A partition that stays ours over consecutive generations of the group keeps its state and epoch.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from faust.stores import base as faust_store
from faust.tables.table import Table
from faust.types import TP

from services.adapters.frame_producer import Acknowledged
from services.adapters.frame_read_back import changelog_records
from services.adapters.frame_records import Frame
from services.adapters.frame_replay import (
    EPOCH_HEADER,
    EPOCH_KEY,
    MARK_KEY,
    PREFIX,
    PROBE_KEY,
    PartitionState,
    encoded_mark,
    late_keys,
)
from services.adapters.frame_schema import FrameSchema
from services.core.errors import BrokenGuarantee

log = logging.getLogger(__name__)

STATE_BATCH_BYTES = 8 * (1 << 20) * 8 // 10
"""0.8 of the changelog's max.message.bytes of 8 MB."""
_NO_HEADERS: list[tuple[str, bytes | None]] = []
_NO_EPOCH_YET = PREFIX.pack(0)


class FrameStore(faust_store.Store):  # type: ignore[misc]
    """What Faust wants of a table's storage; the state itself is the table's."""

    def persisted_offset(self, tp: TP) -> int | None:
        """Nothing is kept on disk."""
        return None

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        """Done in FrameTable.on_changelog_event, in order and without Faust's buffer, which outlives a rebalance."""

    def reset_state(self) -> None:
        """Nothing is kept on disk."""

    async def backup_partition(self, *args: Any, **kwargs: Any) -> None:
        """Nothing is kept on disk."""

    def restore_backup(self, *args: Any, **kwargs: Any) -> None:
        """Nothing is kept on disk."""

    def __getitem__(self, key: Any) -> Any:
        raise KeyError(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError("state is written with FrameTable.write")

    def __delitem__(self, key: Any) -> None:
        raise TypeError("state is written with FrameTable.write")

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return object.__hash__(self)


class FrameTable(Table):  # type: ignore[misc]
    """State of one source topic's partitions, by a changelog of equally many."""

    def __init__(
        self,
        app: Any,
        *,
        name: str,
        source: str,
        batch_bytes: int = STATE_BATCH_BYTES,
        on_recovered: Callable[[int], None] | None = None,
        on_lost: Callable[[int], None] | None = None,
        **options: Any,
    ) -> None:
        self.source = source
        self.batch_bytes = batch_bytes
        self._when_recovered = on_recovered
        self._when_lost = on_lost
        self._states: dict[int, PartitionState] = {}
        self._generation = -2
        super().__init__(app, name=name, schema=FrameSchema(), recovery_buffer_size=2, **options)

    def _new_store(self) -> FrameStore:
        return FrameStore("frames://", self.app, self, table_name=self.name, loop=self.loop)

    def partition(self, partition: int) -> dict[bytes, bytes]:
        """The values of a partition that is ours."""
        return self._state(partition).values

    def epoch(self, partition: int) -> int:
        """Our epoch there: changelog offset of our epoch record."""
        return self._state(partition).epoch

    def mark(self, partition: int) -> int:
        """The last source offset that is included, as recovered or as last handed to write(); -1: none."""
        return self._state(partition).mark

    def stale_keys(self, partition: int) -> list[bytes]:
        """Keys whose last record in the changelog, at recovery, was a former owner's."""
        return list(self._state(partition).stale)

    def is_recovered(self, partition: int) -> bool:
        """Whether the partition is ours and its state complete."""
        state = self._states.get(partition)
        return state is not None and state.recovered

    def write(self, partition: int, items: Iterable[tuple[bytes, bytes | None]], mark: int) -> Acknowledged:
        """Append one batch: the mark, then every item (None deletes). Raises BatchTooLarge; nothing is sent then.

        Batches of a partition are appended in the order of the calls.
        """
        state = self._state(partition)
        prefix = PREFIX.pack(state.epoch)
        batch: list[Any] = [(MARK_KEY, encoded_mark(state.epoch, mark, state.mark), _NO_HEADERS)]
        for key, value in items:
            if value is None:
                batch.append((key, None, [(EPOCH_HEADER, prefix)]))
            else:
                batch.append((key, prefix + value, _NO_HEADERS))
        future = self._append(partition, batch)
        state.mark = mark
        future.add_done_callback(partial(_note_written, state, len(batch)))
        return future

    def _append(self, partition: int, batch: list[Any]) -> Acknowledged:
        future: Acknowledged = self.app.producer.one_batch(
            self.changelog_topic_name, partition, batch, max_bytes=self.batch_bytes
        )
        return future

    def _state(self, partition: int) -> PartitionState:
        state = self._states.get(partition)
        if state is None:
            raise BrokenGuarantee(f"one owner per partition: {self.changelog_topic_name}/{partition} is not ours")
        return state

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Give up what is lost, claim what is new; before recovery and before any fetch."""
        with self.app.guarantee("one owner per partition"):
            ours = {tp.partition for tp in assigned if tp.topic == self.changelog_topic_name}
            self._require_partitions(ours, {tp.partition for tp in assigned if tp.topic == self.source})
            # Over a generation that we were not part of, somebody else may have owned and changed the partition.
            nobody_between = generation_id == self._generation + 1
            self._generation = generation_id
            for number, state in list(self._states.items()):
                if number not in ours or not state.recovered or not nobody_between:
                    self._lose(number)
            await asyncio.gather(*(self._claim(number) for number in sorted(ours - self._states.keys())))

    def _require_partitions(self, ours: set[int], sources: set[int]) -> None:
        counts = {
            topic: self.app.consumer.topic_partitions(topic) for topic in (self.source, self.changelog_topic_name)
        }
        if ours != sources or len(set(counts.values())) != 1:
            raise BrokenGuarantee(
                f"source and state are partitioned alike: assigned {sorted(sources)} and {sorted(ours)} of {counts}. "
                "The number of partitions is fixed within a generation: rebuild into a next one"
            )

    def _lose(self, number: int) -> None:
        state = self._states.pop(number)
        self.app.tables.recovery.revoke(TP(self.changelog_topic_name, number))
        if state.recovered and self._when_lost is not None:
            self._when_lost(number)

    async def _claim(self, number: int) -> None:
        where = f"{self.changelog_topic_name}/{number}"
        epoch = -1
        while epoch < 0:  # a retried batch may be acknowledged without its offset
            epoch = (await self._append(number, [(EPOCH_KEY, _NO_EPOCH_YET, _NO_HEADERS)])).offset
        self._states[number] = PartitionState(where, epoch, written=epoch)
        log.info("%s: claimed with epoch %d", where, epoch)

    def end(self, partition: int) -> int:
        """Recovery reads up to this changelog offset."""
        state = self._states.get(partition)
        if state is None:
            return -1
        return state.written if state.recovered else state.epoch

    def reading_from(self, partition: int, offset: int) -> None:
        """Recovery begins here."""
        state = self._states.get(partition)
        if state is not None and not state.recovered:
            state.begin(offset)

    async def on_changelog_event(self, event: Any) -> None:
        """A frame of the changelog, from Faust's recovery."""
        message = event.message
        frame: Frame = message.value
        state = self._states.get(message.partition)
        if frame.topic != self.changelog_topic_name or state is None or state.done:
            return
        if message.generation_id != self._generation:
            return
        if frame.start > state.next_offset:  # one was cleared from a queue of Faust's on the way
            self.app.tables.recovery.active_offsets[message.tp] = state.next_offset - 1
            await self.app.consumer.seek_wait({message.tp: state.next_offset})
            return
        with self.app.guarantee("state is recovered exactly"):
            state.read(frame.records, frame.end + 1)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Tell the stage, before the sources open; Faust would swallow its errors."""
        with self.app.guarantee("state is recovered exactly"):
            for number, state in sorted(self._states.items()):
                if state.done and not state.recovered:
                    log.info("%s: %d keys, source offset %d", state.where, len(state.values), state.mark)
                    state.recovered = True
                    if self._when_recovered is not None:
                        self._when_recovered(number)

    async def read_back(self, partition: int) -> list[bytes]:
        """Keys that lower epochs wrote behind our epoch record; [] if the partition is lost meanwhile.

        To be called once, when a worker that lost the partition can no longer be alive unnoticed (twice the session
        timeout after the assignment). Raises BrokenGuarantee if a newer owner has been here.
        """
        state = self._state(partition)
        probe = [(PROBE_KEY, PREFIX.pack(state.epoch), _NO_HEADERS)]
        end = (await self._append(partition, probe)).offset
        stale: dict[bytes, None] = {}
        where = TP(self.changelog_topic_name, partition)
        async for records in changelog_records(self.app.frame_settings.brokers, where, state.epoch + 1, end):
            if self._states.get(partition) is not state:
                return []
            late_keys(records, state.epoch, stale)
        return list(stale)

    def info(self) -> Mapping[str, Any]:
        """What Faust copies a table with."""
        return {**super().info(), "source": self.source}


def _note_written(state: PartitionState, count: int, future: Acknowledged) -> None:
    if not future.cancelled() and future.exception() is None:
        state.written = max(state.written, future.result().offset + count - 1)
