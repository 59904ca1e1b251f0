"""How often to publish: fast while it costs little, more slowly as it costs more, never slower than a limit."""

FASTEST_US = 250_000
SLOWEST_US = 1_000_000
SHARE = 0.05
MOST_PER_SECOND = 5_000


class Pace:
    """The time from one round of publishing to the next.

    A round that took `t` is followed by the next after t / SHARE, kept within `fastest_us`..SLOWEST_US: so publishing
    takes less than that share of the time until the slowest pace is reached.
    """

    def __init__(self, fastest_us: int = FASTEST_US) -> None:
        """`fastest_us`: from one round to the next at least."""
        self._fastest_us = fastest_us
        self.interval_us = fastest_us

    def took(self, us: int) -> None:
        """Say how much of the processor the last round took; waiting, for it or for others, costs nobody anything."""
        self.interval_us = min(max(self._fastest_us, int(us / SHARE)), SLOWEST_US)

    @property
    def most(self) -> int:
        """How many keys the next round may hold."""
        return MOST_PER_SECOND * self.interval_us // 1_000_000
