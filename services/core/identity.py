"""Who an event is and where it goes: ids made from what is said, and the partition of a unit.

An id is made so that a retry gets the same one: from content only, never from a clock or a counter.
"""

from functools import lru_cache
from hashlib import sha256
from struct import iter_unpack

from services.core.errors import Reason

HASH_DIGITS = 32
"""Hex digits of an id we make: 128 bits of SHA-256."""

_SEPARATOR = "\x1f"
"""Cleaned text holds no control character, so parts joined by one cannot be taken for other parts."""

_SEED = 0x9747B28C
_M = 0x5BD1E995
_WORD = 0xFFFFFFFF


def made_event_id(
    source: str,
    place: str | None,
    unit_id: str,
    action: str | None,
    device_us: int,
    voids: str | None,
    quantity_delta: str | None,
) -> str:
    """The id of an event sent without one.

    `place`: read point, else operation. `device_us`: device time, else event_time as sent, in µs. `quantity_delta`: a
    plain decimal without trailing zeros. What is left out is None.
    """
    return _hash(source, place, unit_id, action, str(device_us), voids, quantity_delta)


def transform_event_id(event_id: str, role: str, unit_id: str) -> str:
    """The id of one part of a split or merge; `role` is `parent` or `child`."""
    return _hash(event_id, role, unit_id)


def mend_id(reason: str, event_id: str | None, partition: int, offset: int, refusal_id: str) -> str:
    """Under which id a refused event is sent again once it is mended.

    Its own, where it has one: a sender that mends it too then sends the same event. Where it has none, or the unit has
    that id with other content, one that follows from where the refusal stands: sent twice, it is one event.
    `refusal_id`: of what HTTP refused, which has no place in the log.
    """
    if event_id is not None and reason != Reason.CONFLICTING_DUPLICATE:
        return event_id
    return _hash("mended", str(partition), str(offset), refusal_id)


def _hash(*parts: str | None) -> str:
    text = _SEPARATOR.join([part or "" for part in parts])
    return sha256(text.encode("utf-8")).hexdigest()[:HASH_DIGITS]


@lru_cache(maxsize=65_536)
def partition_of(unit_id: str, partitions: int) -> int:
    """The partition of a unit: murmur2 of its UTF-8 bytes modulo the partitions, as Kafka's own clients choose it."""
    return (murmur2(unit_id.encode("utf-8")) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """MurmurHash2 with Kafka's seed, unsigned 32 bits (A. Appleby's MurmurHash2; Kafka's Utils.murmur2)."""
    size = len(data)
    whole = size & ~3
    value = _SEED ^ size
    for (word,) in iter_unpack("<I", data[:whole]):
        word = word * _M & _WORD
        value = (value * _M & _WORD) ^ ((word ^ word >> 24) * _M & _WORD)
    if size != whole:
        value = (value ^ int.from_bytes(data[whole:], "little")) * _M & _WORD
    value = (value ^ value >> 13) * _M & _WORD
    return value ^ value >> 15
