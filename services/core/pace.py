"""How often to publish: fast while it costs little, more slowly as it costs more, never slower than a limit."""

FASTEST_US = 250_000
SLOWEST_US = 1_000_000
SHARE = 0.05
MOST_PER_SECOND = 5_000


class Pace:
    """The time from one round of publishing to the next.

    A round that took `t` is followed by the next after t / SHARE, kept within FASTEST_US..SLOWEST_US: so publishing
    takes less than that share of the time until the slowest pace is reached.
    """

    def __init__(self) -> None:
        self.interval_us = FASTEST_US

    def took(self, us: int) -> None:
        """Say how long the last round took."""
        self.interval_us = min(max(FASTEST_US, int(us / SHARE)), SLOWEST_US)

    @property
    def most(self) -> int:
        """How many keys the next round may hold."""
        return MOST_PER_SECOND * self.interval_us // 1_000_000
