"""floor.alerts as the state of the alert stage: claimed under an epoch, read whole, zombies passed over.

    epoch e │ alert(e) │ pending(e) │ epoch f │ alert(e) ← a zombie's, passed over │ alert(f) │ …

On assignment the owner appends an epoch record (the epoch is that record's offset) and reads the partition up to it.
Every reader of the topic passes over records of a lower epoch than the highest seen. The owner goes on watching its
partition: a zombie's record could still win the compaction, so it is written over; and where somebody claims the
partition after it, nobody counts its records any more, so it has to stop.
"""

from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec
from aiokafka import TopicPartition

from services.adapters import alert_wire
from services.adapters.batches import BatchProducer
from services.adapters.claims import Watch
from services.adapters.kafka_span import follow_span, read_span
from services.core.alarm import Alarm, Pending
from services.core.alarm_rules import Rule
from services.core.errors import BrokenGuarantee, Guarantee
from services.settings import KafkaSettings
from services.topology import ALERTS, EPOCH_KEY, PENDING_PREFIX

EPOCH_VALUE = b"{}"


@dataclass(slots=True)
class AlertReading:
    """What has been read of one partition: newest versions, and what is pending."""

    epoch: int = -1
    alarms: dict[str, tuple[Rule, Alarm]] = field(default_factory=dict)
    pendings: dict[str, Pending] = field(default_factory=dict)

    def take(self, record: Any) -> None:
        """The next record. Raises BrokenGuarantee where it is none of ours."""
        key, value = record.key or b"", record.value
        if key == EPOCH_KEY:
            self.epoch = max(self.epoch, record.offset)
            return
        try:
            if key.startswith(PENDING_PREFIX):
                self._take_pending(key, value)
            elif value is not None:
                self._take_alert(key, value)
        except ValueError as error:
            raise BrokenGuarantee(
                Guarantee.OWN_TOPICS,
                f"{record.topic}/{record.partition} offset {record.offset} is not of this system ({error})",
            ) from error

    def _take_alert(self, key: bytes, value: bytes) -> None:
        epoch, rule, alarm = alert_wire.decode_alert(value)
        if self._counts(epoch):
            self.alarms[rule.alert_id] = rule, alarm

    def _take_pending(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.pendings.pop(key.removeprefix(PENDING_PREFIX).decode(), None)
            return
        epoch, alert_id, pending = alert_wire.decode_pending(value)
        if self._counts(epoch):
            self.pendings[alert_id] = pending

    def _counts(self, epoch: int) -> bool:
        self.epoch = max(self.epoch, epoch)  # compaction keeps the newest epoch record only
        return epoch == self.epoch


class _Written(msgspec.Struct):
    epoch: int


_written = msgspec.json.Decoder(_Written).decode


def epoch_of(value: bytes) -> int:
    """The epoch of whoever wrote a record of floor.alerts."""
    return _written(value).epoch


class AlertLog:
    """Claims and reads partitions of floor.alerts."""

    def __init__(self, settings: KafkaSettings, producer: BatchProducer) -> None:
        self._settings = settings
        self._producer = producer

    async def claim(self, partition: int) -> int:
        """Become the partition's owner; the epoch under which it may write."""
        ack = await self._producer.send_built(ALERTS.name, partition, self._producer.whole([(EPOCH_KEY, EPOCH_VALUE)]))
        return int((await ack).offset)

    async def recover(self, partition: int, epoch: int) -> AlertReading:
        """What lies in the partition up to our epoch record."""
        reading = AlertReading()
        await read_span(self._settings, TopicPartition(ALERTS.name, partition), None, epoch, reading.take)
        return reading

    async def watch(self, partition: int, watch: Watch) -> NoReturn:
        """Follow what is written after our epoch record, until cancelled."""
        await follow_span(self._settings, TopicPartition(ALERTS.name, partition), watch.epoch, watch.take)
