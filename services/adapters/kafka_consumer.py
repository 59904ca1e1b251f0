"""Partitions by group membership, positions by their owner: a Kafka consumer that starts nowhere on its own.

The group only says which partitions are ours (range assignor: topics with equally many partitions are handed out
alike). Nothing is read of a partition before its owner has said where to go on, nothing is committed to Kafka, and
ListOffsets(latest), which the embedded broker answers wrongly, is never asked.

    assigned ──► `assigned_now` tells the owner ──► owner looks up positions ──► go_on(positions) ──► read()
    revoked  ──► nothing is read any more ──► the `on_revoked` callback has time to finish what is being written

A static member that the group has forgotten does not join again: most likely it slept while another process was started
under its name, and joining would throw that one out, which would join again, for ever.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError, UnknownMemberIdError

from services.adapters.kafka_end import LogEnds, newest_fetch
from services.core.errors import BrokenGuarantee, Guarantee
from services.settings import KafkaSettings

log = logging.getLogger(__name__)

Partition = tuple[str, int]
FETCH_WAIT_MS = 50
FETCH_BYTES = 1 << 20
NO_POLL_LIMIT_MS = 86_400_000
"""We stop asking for records while the database is away, and stay a member all the while."""
START_PAUSE_SECONDS = 1.0
NO_POSITION_PAUSE_SECONDS = 0.1
LOG_STARTS_SECONDS = 10.0
METADATA_MS = 10_000
"""How soon a topic is noticed that we did not know when we joined: till then our group is dealt nothing of it."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The partitions the group gave us; `serial` changes whenever they do, at their revocation too."""

    serial: int
    partitions: frozenset[Partition]


class GroupFeed(ConsumerRebalanceListener):  # type: ignore[misc]
    """One member of a consumer group."""

    def __init__(
        self, settings: KafkaSettings, group: str, topics: Collection[str], on_revoked: Callable[[], Awaitable[None]]
    ) -> None:
        """Connects in start(). `on_revoked` is awaited before the group hands our partitions to others."""
        self._settings = settings
        self._group = group
        self._topics = tuple(topics)
        self._on_revoked = on_revoked
        self._consumer: Any = None
        self._positions: dict[TopicPartition, int] = {}
        self._held: frozenset[TopicPartition] = frozenset()
        self._reading = asyncio.Event()
        self._ends = LogEnds()
        self._without_position = 0.0
        self._instance: str | None = None
        self._forgotten = asyncio.Event()
        self.assigned = Assignment(0, frozenset())
        self.assigned_now = asyncio.Event()

    async def start(self, instance: str | None) -> None:
        """Join the group, waiting for a broker. `instance`: static membership under this name."""
        waiting, self._instance = False, instance
        while True:
            self._consumer = self._new_consumer(instance)
            try:
                await self._consumer.start()
                break
            except (KafkaError, OSError) as error:
                await self._consumer.stop()
                if not waiting:
                    log.warning("no broker at %s (%s); trying again", self._settings.brokers, error)
                waiting = True
                await asyncio.sleep(START_PAUSE_SECONDS)
        self._consumer.subscribe(self._topics, listener=self)

    def _new_consumer(self, instance: str | None) -> Any:
        session_ms = int(self._settings.session_timeout_s * 1000)
        return AIOKafkaConsumer(
            bootstrap_servers=self._settings.brokers,
            group_id=self._group,
            group_instance_id=instance,
            client_id=f"{self._group}-{instance or 'member'}",
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 3,
            max_poll_interval_ms=NO_POLL_LIMIT_MS,
            rebalance_timeout_ms=session_ms,
            metadata_max_age_ms=METADATA_MS,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    async def remain(self) -> None:
        """For ever. Raises UnknownMemberIdError when the group has forgotten us; read() may wait in vain then."""
        await self._forgotten.wait()
        raise UnknownMemberIdError(f"the group no longer knows {self._instance}: it slept, or another has its name")

    async def stop(self) -> None:
        """Leave the group."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called by the client before it joins again."""
        self._forget()
        joined = self.assigned.serial > 0
        self.assigned = Assignment(self.assigned.serial + 1, frozenset())
        await self._on_revoked()
        if joined and self._instance is not None and not self._consumer._coordinator.member_id:
            self._forgotten.set()
            await asyncio.Event().wait()  # the client would join again as soon as this returned; stop() calls it off

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by the client with what the group gave us; returns at once, for the group waits."""
        self._forget()
        partitions = frozenset((tp.topic, tp.partition) for tp in assigned)
        self._consumer.pause(*[TopicPartition(*partition) for partition in partitions])
        self.assigned = Assignment(self.assigned.serial + 1, partitions)
        self.assigned_now.set()

    def _forget(self) -> None:
        self._positions = {}
        self._held = frozenset()
        self._reading.clear()

    async def log_starts(self, of: Assignment) -> dict[Partition, int] | None:
        """The first offset each partition's log still has; None when the group has dealt anew meanwhile."""
        while of == self.assigned:
            try:
                async with asyncio.timeout(LOG_STARTS_SECONDS):
                    found = await self._consumer.beginning_offsets([TopicPartition(*p) for p in of.partitions])
            except (KafkaError, TimeoutError) as error:
                log.warning("the broker does not say where the logs begin (%s); trying again", error)
                await asyncio.sleep(START_PAUSE_SECONDS)
            else:
                return {(tp.topic, tp.partition): offset for tp, offset in found.items()}
        return None

    def go_on(self, positions: Mapping[Partition, int]) -> None:
        """Read from these positions on."""
        self._positions = {TopicPartition(*partition): at for partition, at in positions.items()}
        for tp, at in self._positions.items():
            self._consumer.seek(tp, at)
            self._consumer.resume(tp)
        if self._positions:
            self._reading.set()

    def hold(self, partitions: Collection[Partition]) -> None:
        """Read nothing from these for now, and again from all others."""
        held = frozenset(TopicPartition(*partition) for partition in partitions) & self._positions.keys()
        for tp in held - self._held:
            self._consumer.pause(tp)
        for tp in self._held - held:
            self._consumer.resume(tp)
        self._held = held

    async def read(self, most: int, timeout_s: float) -> dict[Partition, list[Any]]:
        """Up to `most` records of the partitions that go on. Raises BrokenGuarantee where the log has lost ours."""
        if not self._reading.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._reading.wait(), timeout_s)
            return {}
        open_now = [tp for tp in self._positions if tp not in self._held]
        try:
            found = await self._consumer.getmany(*open_now, timeout_ms=int(timeout_s * 1000), max_records=most)
        except OffsetOutOfRangeError as error:
            raise self._out_of_range(error.args[0]) from error
        except NoOffsetForPartitionError:
            await self._wait_for_positions()
            return {}
        except KafkaError as error:
            if not error.retriable:
                raise
            log.warning("reading failed (%s); trying again", error)
            return {}
        self._without_position = 0.0 if found else self._without_position
        self._require_whole_logs()
        return {(tp.topic, tp.partition): records for tp, records in found.items() if tp in self._positions}

    async def _wait_for_positions(self) -> None:
        """A partition came a moment ago and its owner is about to say where it goes on.

        Only for a session: where another process has taken our name the group never deals to us again.
        """
        if self._without_position > self._settings.session_timeout_s:
            raise NoOffsetForPartitionError("partitions without positions: the group no longer deals to this member")
        self._without_position += NO_POSITION_PAUSE_SECONDS
        await asyncio.sleep(NO_POSITION_PAUSE_SECONDS)

    def _require_whole_logs(self) -> None:
        """A log that ends before the position we go on from was lost; the embedded broker just stays silent then."""
        for tp, at in self._positions.items():
            newest = newest_fetch(self._consumer, tp)
            if newest is not None and self._ends.lost(tp, at, newest):
                raise self._out_of_range({tp: at}, f"ends at {newest.end}")

    def _out_of_range(self, offsets: Mapping[TopicPartition, int], but: str = "has lost it") -> BrokenGuarantee:
        named = ", ".join(f"{tp.topic}/{tp.partition} at offset {at}" for tp, at in offsets.items())
        return lost_log(named, but)


def lost_log(named: str, but: str) -> BrokenGuarantee:
    """What a log that does not reach what the database needs next breaks."""
    return BrokenGuarantee(
        Guarantee.NOTHING_LOST,
        f"the database goes on from {named}, but the log {but}: records are missing for good, or it is another log",
    )
