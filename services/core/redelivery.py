"""Messages that come again because their acknowledgement was lost: known by packet identifier and content.

A broker sends what it has no acknowledgement for again in the same session, under the same packet identifier and
marked as a repeat (MQTT 5.0, 3.3.1.1 and 4.4). What was taken is noted with the readings, so that such a repeat is
known even after a crash, and a message without a time or an id of its own is one event all the same.

What MQTT leaves open, for messages without either:

- A broker that was killed goes on from what it wrote down last. What only waited then, and was delivered since, it
  sends again as if for the first time: read twice. What it took since, it has lost, unless it was delivered.
- A sender that had no answer publishes again, and the broker has two messages: read twice.
- A broker that uses the lowest free identifier sends a message that never arrived again, of the same topic and content
  as the one before under that identifier: it looks as if that one's acknowledgement was lost, and is not read.
"""

import hashlib
from collections.abc import Mapping

RECEIVE_MAXIMUM = 100
"""Messages that a broker may have under way to us. After a session was taken up again some have a few times as many."""
PLACES = 4_096
"""So many are remembered: packet identifiers count up, or the lowest free one is used again."""


class Redelivery:
    """The messages of one session taken last, by place."""

    def __init__(self, notes: Mapping[str, str]) -> None:
        """`notes`: as `took` and `forget` told them before."""
        self._taken = dict(notes)

    def took(self, packet: int, topic: str, payload: bytes) -> tuple[str, str]:
        """It will be on the disk together with this note, if that is kept: its key and what it says."""
        place = str(packet % PLACES)
        self._taken[place] = _digest(packet, topic, payload)
        return place, self._taken[place]

    def is_taken(self, packet: int, topic: str, payload: bytes) -> bool:
        """Of a message that is marked as a repeat: was it taken before?"""
        return self._taken.get(str(packet % PLACES)) == _digest(packet, topic, payload)

    def forget(self) -> list[str]:
        """A new session has begun, and its packet identifiers are others: the notes that have to go."""
        gone = list(self._taken)
        self._taken.clear()
        return gone


def _digest(packet: int, topic: str, payload: bytes) -> str:
    said = b"%d\x00%b\x00%b" % (packet, topic.encode("utf-8", "replace"), payload)
    return hashlib.sha256(said).hexdigest()[:20]
