"""Bytes of floor.alerts ↔ versions of alerts, as notify reads them; which records count is decided here.

Whoever has lost a partition may write into it once more. Its records have a lower epoch than the owner's and are passed
over; the owner's epoch record (key `\\0epoch`) says its epoch by its offset, before the first of its alerts does.
"""

from typing import Protocol

import msgspec

from services.core.notices import AlertVersion
from services.topology import ALERTS, EPOCH_KEY


class Record(Protocol):
    """A record of floor.alerts."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


_NUL = b"\\u0000"
_decode = msgspec.json.Decoder(AlertVersion).decode


def counted(record: Record, epoch: int) -> tuple[AlertVersion | None, int]:
    """The version in a record, None where there is none or it does not count; and the highest epoch after it.

    Raises ValueError for what is no alert at all.
    """
    if record.key == EPOCH_KEY:
        return None, max(epoch, record.offset)
    if record.value is None or record.key is None or record.key.startswith(b"\x00"):
        return None, epoch
    if _NUL in record.value:
        raise ValueError(f"{ALERTS.name} offset {record.offset}: holds a NUL, which no database keeps")
    try:
        alert = _decode(record.value)
    except msgspec.DecodeError as error:
        raise ValueError(f"{ALERTS.name} offset {record.offset}: {error}") from error
    if alert.epoch < epoch:
        return None, epoch
    return alert, alert.epoch
