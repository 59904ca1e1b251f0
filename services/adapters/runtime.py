"""Settings of the interpreter for a stage that takes records by the thousand."""

import ctypes
import gc

GC_THRESHOLDS = (100_000, 50, 1_000)
"""With the default ones the collector takes a quarter of the time of track, half of what the store decodes: frames make
many objects that die young, and rows that wait to be written are walked again and again."""


def tune_runtime() -> None:
    """For this process."""
    gc.set_threshold(*GC_THRESHOLDS)


def give_back_memory() -> None:
    """Hand free pages to the system: what was read in large pieces leaves holes between the small ones that stay.

    Nothing where the C library has no such call (only glibc has).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
