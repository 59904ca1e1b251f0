"""Settings of the interpreter and of the C library for a stage that takes records by the thousand."""

import ctypes
import gc
import sys

GC_THRESHOLDS = (2_000_000, 5, 1_000)
"""More objects than the frames under way and waiting are made of. With fewer, the default most of all, the collector
walks again and again what is about to be freed anyway: a quarter of the time of track by default, a twentieth at
100,000. What makes cycles, an exception here and there, is collected later than before, and still is."""
SWITCH_S = 0.02
"""How long a thread that waits for the interpreter lets another one go on. The client's thread only wants to fetch
ahead; by default it breaks into the folding 200 times a second, which makes both start anew with cold caches. Much
longer, and the fetching falls behind."""
MALLOC = {-3: 32 << 20, -1: 64 << 20, -2: 8 << 20}
"""glibc's M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_TOP_PAD (mallopt(3)): batches of a megabyte come and go with every
frame, and pages that are given back each time cost more than anything else the system does for us."""


def tune_runtime() -> None:
    """For this process."""
    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(SWITCH_S)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for what, value in MALLOC.items():
            mallopt(what, value)


def give_back_memory() -> None:
    """Hand free pages to the system: what was read in large pieces leaves holes between the small ones that stay.

    Nothing where the C library has no such call (only glibc has).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
