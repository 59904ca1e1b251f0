"""Settings of the interpreter for a stage that takes records by the thousand."""

import gc

GC_THRESHOLDS = (100_000, 50, 1_000)
"""With the default ones the collector takes a quarter of the time of track, half of what the store decodes: frames make
many objects that die young, and rows that wait to be written are walked again and again."""


def tune_runtime() -> None:
    """For this process."""
    gc.set_threshold(*GC_THRESHOLDS)
