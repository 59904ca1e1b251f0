"""What the figures have to reach on a machine with a core for each process that works: the product's promises.

On fewer cores the processes share them, and figures by the wall clock fall short without anything being wrong.
"""

from typing import Literal, NamedTuple


class Bar(NamedTuple):
    """A figure must be at least, or at most, this."""

    side: Literal["least", "most"]
    value: float

    def is_reached(self, value: float) -> bool:
        """Does the figure reach it?"""
        return value >= self.value if self.side == "least" else value <= self.value


BARS = {
    "track.ratio_to_better_bare": Bar("least", 0.95),
    "track.overhead_below_idiomatic": Bar("least", 30),
    "track.events_per_s_core": Bar("least", 100_000),
    "workers.two_to_one": Bar("least", 0.9),
    "store.visits_per_s": Bar("least", 30_000),
    "ingest.scans_per_s_core": Bar("least", 20_000),
    "latency.produce_to_row.p99_s": Bar("most", 1.0),
    "latency.produce_to_browser.p99_s": Bar("most", 1.0),
    "burst.lost": Bar("most", 0),
    "memory.million_units_mb": Bar("most", 1_200),
    "recovery.million_units_s": Bar("most", 60),
    "cost.most_to_fewest_units": Bar("most", 1.5),
    "cost.most_to_fewest_operations": Bar("most", 1.5),
}
