"""Is history flowing in? While it does, the numbers of an operation mix past and present, and nothing is raised.

An operation counts the events that came in more than two minutes after they happened. While that count grows, raising
waits until it has not grown for some seconds, in which nothing waited to be counted either. What would be raised as
history calls nobody, so it can wait longer, and a stream of history that pauses leaves no trace. A source that is
always late would make all wait for ever: after ten minutes without a pause the operation is taken to be so.
"""

from dataclasses import dataclass

SETTLED_US = 5_000_000
HISTORY_SETTLED_US = 60_000_000
MOST_WAIT_US = 10 * 60_000_000


@dataclass(slots=True)
class Backfill:
    """How the count of late events of one operation has grown. Instants in µs of the reader's clock."""

    count: int
    begun: int
    grown: int

    @classmethod
    def first(cls, count: int, as_of: int) -> "Backfill":
        """The first that is seen of an operation: whether its count has just grown is not known."""
        return cls(count, as_of, as_of if count else as_of - SETTLED_US)

    def take(self, count: int, now: int) -> None:
        """A newer count; a lower one is that of another life of the log."""
        if count > self.count:
            if now - self.grown > SETTLED_US:
                self.begun = now
            self.grown = now
        self.count = count

    def growing(self, now: int) -> bool:
        """Has it grown so lately that nobody knows whether there is more to come?"""
        return now - self.grown < SETTLED_US

    def opens(self, now: int) -> int:
        """From which instant on something may be raised, if the count does not grow any more."""
        return now if now - self.begun > MOST_WAIT_US else self.grown + SETTLED_US

    def opens_for_history(self, now: int) -> int:
        """The same for what calls nobody."""
        return now if now - self.begun > MOST_WAIT_US else self.grown + HISTORY_SETTLED_US
