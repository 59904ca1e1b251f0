"""floor.alerts handed on: versions of alerts, the epochs of those who write them, and their signs of life.

Keys that begin with NUL are the writers' own: epoch records, whose offset is the epoch, signs of life, and limits that
are passed but not for long enough yet.
"""

import logging
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from services.adapters.alert_record import Alert
from services.adapters.kafka_follow import Followed, Record
from services.topology import ALERTS, ALIVE_KEY, EPOCH_KEY, LONGEST_NUMBER

log = logging.getLogger(__name__)

INTERNAL = b"\x00"


class Alerts(Protocol):
    """Who is told; services.show.alerts.Alerts."""

    def take(self, partition: int, alert: Mapping[str, Any]) -> None: ...
    def take_epoch(self, partition: int, epoch: int) -> bool: ...
    def take_sign(self, partition: int, epoch: int, as_of_us: int) -> None: ...
    def drop(self, alert_id: str) -> None: ...
    def forget(self, partition: int) -> None: ...


_alert = msgspec.json.Decoder(Alert).decode


def followed(alerts: Alerts, partitions: int) -> Followed:
    """floor.alerts, handed on."""
    return Followed(
        ALERTS.name, partitions, lambda partition, record: deliver(alerts, partition, record), alerts.forget
    )


def deliver(alerts: Alerts, partition: int, record: Record) -> None:
    """Hand one record on; one that nobody can read is said and passed over."""
    key, value = record.key, record.value
    if key is None or key.startswith(INTERNAL):
        _internal(alerts, partition, record)
        return
    try:
        if value is None:
            alerts.drop(key.decode())
        else:
            alerts.take(partition, msgspec.to_builtins(_alert(value)))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.error("%s/%d key %r is not an alert (%s): passed over", ALERTS.name, partition, key, error)


def _internal(alerts: Alerts, partition: int, record: Record) -> None:
    if record.key == EPOCH_KEY:
        alerts.take_epoch(partition, record.offset)
    elif record.key == ALIVE_KEY:
        said = dict(record.headers)
        epoch, as_of = (said.get(name, b"") for name in ("epoch", "as_of"))
        if all(number.isdigit() and len(number) <= LONGEST_NUMBER for number in (epoch, as_of)):
            alerts.take_sign(partition, int(epoch), int(as_of))
