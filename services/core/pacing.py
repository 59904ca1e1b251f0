"""Which message goes out next on a channel: how often one recipient is called, and how long to wait after a failure.

Up to ten messages in ten minutes each notification is a message of its own (ISA-18.2: more than that is a flood). What
would go beyond becomes one digest, and then one message a minute at most, so that a flood neither silences the channel
nor buries the phone. Times in µs.
"""

from collections.abc import Iterable
from dataclasses import dataclass

SECOND_US = 1_000_000
BUDGET = 10
BUDGET_US = 600 * SECOND_US
FLOOD_PAUSE_US = 60 * SECOND_US
"""Between two messages to somebody whose ten are used up."""

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
STUCK_PAUSE_S = 300.0
"""Until a target is asked again that needs somebody to mend its settings."""
LONGEST_ASKED_S = 900.0
"""How long a target may make us wait by its own word."""
BREAKER_OPENS = 5
"""Failures in a row from which on a target counts as away: one attempt at a time asks whether it is back."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one recipient of a channel.

    `sent`: messages of the last ten minutes, `last_us` the newest of them. `digest`: a digest that may have arrived
    and must go out again as it was. `unsure`: a single message may have arrived.
    """

    recipient: str
    notifications: int
    priority: int
    at_us: int
    sent: int
    last_us: int | None
    digest: str | None
    unsure: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is next, and whether all that waits goes out as one message. `wait_us`: nobody before so long."""

    next: Waiting | None
    as_digest: bool = False
    wait_us: int = 0


def choose(waiting: Iterable[Waiting], now_us: int) -> Choice:
    """The most urgent recipient who may be called now."""
    may, earliest = [], None
    for each in waiting:
        ready = now_us if each.sent < BUDGET or each.last_us is None else each.last_us + FLOOD_PAUSE_US
        if ready <= now_us:
            may.append(each)
        else:
            earliest = ready if earliest is None else min(earliest, ready)
    if not may:
        return Choice(None, wait_us=0 if earliest is None else earliest - now_us)
    best = min(may, key=lambda each: (each.priority, each.at_us, each.recipient))
    flood = best.notifications > 1 and best.sent + best.notifications > BUDGET
    return Choice(best, as_digest=best.digest is None and not best.unsure and flood)


def pause_s(failures: int, chance: float, asked_s: float | None, stuck: bool) -> float:
    """Seconds until a target is tried again after so many failures in a row; `chance` in [0, 1) spreads them.

    At least what the target asked for (Retry-After), within bounds.
    """
    if stuck:
        return STUCK_PAUSE_S
    doubled: float = min(FIRST_PAUSE_S * 2 ** min(failures - 1, 16), LONGEST_PAUSE_S)
    jittered = doubled * (0.5 + chance / 2)
    return max(jittered, min(asked_s or 0.0, LONGEST_ASKED_S))
