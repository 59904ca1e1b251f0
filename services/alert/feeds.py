"""What every worker of alert follows whole: the states of all work units, and whether states are kept up to date.

The plant's totals are published at least every ten seconds and say up to where floor.scans is counted. While they come
and cover what was there a little before, an operation whose state does not change is one in which nothing happens.
Otherwise aggregate or track is away or behind, and a unit that seems to sit still may have left long ago.
"""

import asyncio
import logging
from collections.abc import Mapping

from aiokafka.errors import KafkaError

from services.adapters import alert_wire
from services.adapters.kafka_whole_log import LogRecord, WholeLog
from services.core.alarm_readings import WorkUnitNow
from services.ports import Clock
from services.settings import KafkaSettings
from services.topology import OPERATIONS, PLANT_KEY, SCANS, WORK_UNITS

log = logging.getLogger("floorstream.alert")

READ_SECONDS = 0.2
SILENT_US = 30_000_000
"""So long the sign of life may be missing."""
BEHIND_US = 10_000_000
"""So long what is in floor.scans may wait to be counted."""
ON_ITS_WAY_US = 2_000_000
"""So long a scan may be on its way through track and aggregate."""
ENDS_SECONDS = 1.0


class WorkUnits:
    """The newest state of every work unit."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Reads nothing before run()."""
        self._log = WholeLog(kafka.brokers, WORK_UNITS.name, range(kafka.scan_partitions))
        self._positions: dict[str, tuple[int, int, int]] = {}
        self.states: dict[str, WorkUnitNow] = {}
        self.changed: dict[str, WorkUnitNow] = {}
        """Since somebody last emptied this."""

    @property
    def complete(self) -> bool:
        """Has everything been read that was there at the start?"""
        return self._log.at_end

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._log.start()
        try:
            while True:
                for record in await self._log.read(READ_SECONDS):
                    self._take(record)
        finally:
            await self._log.stop()

    def _take(self, record: LogRecord) -> None:
        if record.value is None or (record.key or b"").startswith(b"\x00"):
            return  # what aggregate goes on with
        try:
            work_unit, position, state = alert_wire.decode_work_unit(record.value)
        except ValueError as error:
            log.error("%s offset %d, key %r: %s: passed over", WORK_UNITS.name, record.offset, record.key, error)
            return
        if position >= self._positions.get(work_unit, position):
            self._positions[work_unit] = position
            self.states[work_unit] = self.changed[work_unit] = state


class Counted:
    """How long the oldest scans that are known not to be counted have waited."""

    def __init__(self) -> None:
        self._covered: dict[int, int] = {}
        self._ends: dict[int, tuple[int, int]] = {}

    def take_coverage(self, covered: Mapping[int, int]) -> None:
        """The last offset that is counted, by partition."""
        self._covered = dict(covered)

    def take_ends(self, ends: Mapping[int, int], now: int) -> None:
        """Where the log ends now; an end that is not reached yet is waited for first."""
        for partition, end in ends.items():
            if self._reached(partition):
                self._ends[partition] = end, now

    def waiting_us(self, now: int) -> int:
        """So long something has waited."""
        waiting = (now - since for partition, (_, since) in self._ends.items() if not self._reached(partition))
        return max(waiting, default=0)

    def _reached(self, partition: int) -> bool:
        return self._covered.get(partition, -1) >= self._ends.get(partition, (0, 0))[0] - 1


class Heartbeat:
    """Are the states kept up to date? Judged by when signs of life come, not by the clock of whoever sends them."""

    def __init__(self, kafka: KafkaSettings, clock: Clock) -> None:
        """Reads nothing before run()."""
        self._log = WholeLog(kafka.brokers, OPERATIONS.name)
        self._scans = range(kafka.scan_partitions)
        self._clock = clock
        self._began = clock.now_us()
        self._heard: int | None = None
        self._counted = Counted()

    @property
    def alive(self) -> bool:
        """Has it been heard lately, and was everything counted?"""
        now = self._clock.now_us()
        heard = self._heard is not None and now - self._heard <= SILENT_US
        return heard and self._counted.waiting_us(now) <= BEHIND_US

    @property
    def counted(self) -> bool:
        """Does no scan wait to be counted longer than is usual?"""
        return self._counted.waiting_us(self._clock.now_us()) <= ON_ITS_WAY_US

    @property
    def missing(self) -> bool:
        """Has it not been so for too long, which somebody should know?"""
        return not self.alive and self._clock.now_us() - self._began > SILENT_US

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._log.start()
        asking = asyncio.create_task(self._ask_ends())
        try:
            while not asking.done():
                records = await self._log.read(READ_SECONDS)
                for record in reversed(records):
                    if record.key == PLANT_KEY and record.value is not None:
                        self._hear(record.value)
                        break
            asking.result()
        finally:
            asking.cancel()
            await asyncio.wait([asking])
            await self._log.stop()

    async def _ask_ends(self) -> None:
        while True:
            try:
                async with asyncio.timeout(ENDS_SECONDS):
                    ends = await self._log.ends(SCANS.name, self._scans)
                self._counted.take_ends(ends, self._clock.now_us())
            except (KafkaError, TimeoutError) as error:
                log.debug("the broker does not say where %s ends: %s", SCANS.name, error)
            await asyncio.sleep(ENDS_SECONDS)

    def _hear(self, value: bytes) -> None:
        now = self._clock.now_us()
        try:
            told, covered = alert_wire.decode_plant(value)
        except ValueError as error:
            log.error("%s: %s: passed over", OPERATIONS.name, error)
            return
        self._counted.take_coverage(covered)
        # What was in the log before we came says by its own time how old it is.
        if self._log.at_end or abs(now - told) <= SILENT_US:
            self._heard = now
