"""What a target said to a message, as far as it decides what happens next.

sent            it has it
away            not now, perhaps later: no connection, 5xx, an answer nobody can read
too_often       it wants fewer messages
misconfigured   it will not take any message before somebody mends our settings or its own
refused         it will not take this message, whatever is mended; others may go through
"""

from dataclasses import dataclass
from enum import StrEnum

from services.core.messages import Facts, Message


class Said(StrEnum):
    """The five answers."""

    SENT = "sent"
    AWAY = "away"
    TOO_OFTEN = "too_often"
    MISCONFIGURED = "misconfigured"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`detail`: in words, without secrets. `perhaps`: it may have taken the message all the same."""

    said: Said
    detail: str = ""
    retry_after_s: float | None = None
    perhaps: bool = False

    @property
    def sent(self) -> bool:
        """Does the target have the message?"""
        return self.said is Said.SENT


SENT = Outcome(Said.SENT)


@dataclass(frozen=True, slots=True)
class Note:
    """A message on its way to one recipient.

    `key`: ASCII, the same whenever this message goes out again. `mentions`: members to mention by name. `alerts`:
    what it is about, for receivers that read data and not text.
    """

    key: str
    message: Message
    link: str | None
    mentions: tuple[str, ...]
    alerts: tuple[Facts, ...]
