"""Lane.fold on the benchmark's records in memory, without Kafka: what no client library can save.

`python -m loadtest.fold_alone` prints µs per event; with `--profile`, where they go.
"""

import argparse
import cProfile
import gc
import json
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from loadtest.load import Profile, ScanRecord, by_partition, plant_model, scans
from services.adapters import track_wire
from services.adapters.faust_app import tune_runtime
from services.adapters.frames import MOST_RECORDS
from services.core.identity import partition_of
from services.track.app import CHANGELOG_BYTES
from services.track.handler import Lane

CUT_BYTES = CHANGELOG_BYTES * 3 // 4


def fold_once(profile: Profile, records: Sequence[ScanRecord]) -> float:
    """CPU seconds of this thread for all partitions, frame by frame in turn."""
    models = {1: plant_model(profile)}
    lanes = [
        Lane(p, lambda unit: partition_of(unit, profile.partitions), 1, models, {}, track_wire, CUT_BYTES)
        for p in range(profile.partitions)
    ]
    parts = by_partition(profile, records)
    used = 0.0
    for begin in range(0, max(map(len, parts)), MOST_RECORDS):
        for lane, part in zip(lanes, parts, strict=True):
            frame, at = part[begin : begin + MOST_RECORDS], 0
            begun = time.thread_time()
            while frame and lane.offset < frame[-1].offset:
                _, at = lane.fold(frame, at, frame[-1].offset)
            used += time.thread_time() - begun
    return used


def fold_alone(profile: Profile, records: Sequence[ScanRecord], times: int) -> list[float]:
    """µs of CPU per event, so many times, in a process of its own."""
    command = [sys.executable, "-m", "loadtest.fold_alone", "--values", json.dumps([profile.events, times])]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(value) for value in json.loads(answer.stdout)]


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.fold_alone", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    parser.add_argument("--values", default="[200000, 3]", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    events, times = json.loads(given.values)
    profile = Profile.read("quick", {"events": events})
    records = scans(profile)
    tune_runtime()
    gc.freeze()
    if given.profile:
        with cProfile.Profile() as measured:
            fold_once(profile, records)
        pstats.Stats(measured).sort_stats("tottime").print_stats(40)
        return 0
    found = [fold_once(profile, records) / len(records) * 1e6 for _ in range(times)]
    if words is None and "--values" in sys.argv:
        print(json.dumps(found))
    else:
        print(f"{statistics.median(found):.2f} µs per event, {min(found):.2f} to {max(found):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
