"""What every worker of alert follows whole: the states of all work units, and the sign of life of aggregate.

The plant's totals are published at least every ten seconds: while they come, the states of operations are kept up to
date, and one that does not change is one in which nothing happens.
"""

import logging

from services.adapters import alert_wire
from services.adapters.kafka_whole_log import LogRecord, WholeLog
from services.core.alarm_readings import WorkUnitNow
from services.ports import Clock
from services.settings import KafkaSettings
from services.topology import OPERATIONS, PLANT_KEY, WORK_UNITS

log = logging.getLogger("floorstream.alert")

READ_SECONDS = 0.2
SILENT_US = 30_000_000
"""So long the sign of life may be missing."""


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


class Heartbeat:
    """Does aggregate keep the states up to date? Judged by when its sign of life comes, not by its clock."""

    def __init__(self, kafka: KafkaSettings, clock: Clock) -> None:
        """Reads nothing before run()."""
        self._log = WholeLog(kafka.brokers, OPERATIONS.name)
        self._clock = clock
        self._began = clock.now_us()
        self._heard: int | None = None

    @property
    def alive(self) -> bool:
        """Has it been heard lately?"""
        return self._heard is not None and self._clock.now_us() - self._heard <= SILENT_US

    @property
    def missing(self) -> bool:
        """Has it not been heard for too long, which somebody should know?"""
        return not self.alive and self._clock.now_us() - self._began > SILENT_US

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._log.start()
        try:
            while True:
                records = await self._log.read(READ_SECONDS)
                for record in reversed(records):
                    if record.key == PLANT_KEY and record.value is not None:
                        self._hear(record.value)
                        break
        finally:
            await self._log.stop()

    def _hear(self, value: bytes) -> None:
        now = self._clock.now_us()
        try:
            told = alert_wire.decode_plant(value)
        except ValueError as error:
            log.error("%s: %s: passed over", OPERATIONS.name, error)
            return
        # What was in the log before we came says by its own time how old it is.
        if self._log.at_end or abs(now - told) <= SILENT_US:
            self._heard = now
