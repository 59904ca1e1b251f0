"""Why an event was refused: one reason each, said in both languages, with what to do.

BadScan      the event goes to the rejects with its reason; the stream goes on
NotYet       what is needed has not arrived; wait and try again, acknowledge nothing
Lost         a partition is somebody else's by now; end, a new process asks the group what is its own
BrokenGuarantee
             a promise of the system cannot be kept: the process ends with exit code 70
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why an event is refused (the contract's closed list)."""

    MALFORMED = "malformed"
    UNKNOWN_READ_POINT = "unknown_read_point"
    UNKNOWN_OPERATION = "unknown_operation"
    AMBIGUOUS_TIME = "ambiguous_time"
    CLOCK_AHEAD = "clock_ahead"
    TOO_LATE = "too_late"
    CONFLICTING_DUPLICATE = "conflicting_duplicate"


class BadScan(Exception):
    """An event that no state may take in; `en` and `zh` say what is wrong and how to mend it."""

    def __init__(self, reason: Reason, en: str, zh: str) -> None:
        super().__init__(f"{reason}: {en}")
        self.reason = reason
        self.en = en
        self.zh = zh


class NotYet(Exception):
    """Something this step needs (a plant-model version, a broker) is not there yet: retry, acknowledge nothing."""


class Lost(Exception):
    """Somebody else has claimed a partition that is ours as far as we know; a new process asks the group."""


class BrokenGuarantee(Exception):
    """A guarantee could not be kept; the process stops with exit code 70 rather than lie."""
