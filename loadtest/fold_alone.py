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
from services.adapters.frames import MOST_RECORDS
from services.adapters.runtime import tune_runtime
from services.core.identity import partition_of
from services.core.pace import Pace
from services.track.app import CHANGELOG_BYTES
from services.track.handler import Lane

CUT_BYTES = CHANGELOG_BYTES * 3 // 4


def new_lanes(profile: Profile) -> list[Lane]:
    """The product's own lanes, nothing folded yet."""
    models = {1: plant_model(profile)}
    return [
        Lane(p, lambda unit: partition_of(unit, profile.partitions), 1, models, {}, track_wire, CUT_BYTES)
        for p in range(profile.partitions)
    ]


def fold_through(
    lanes: Sequence[Lane], parts: Sequence[Sequence[ScanRecord]], frame_records: int, *, publishing: bool = False
) -> float:
    """CPU seconds of this thread for all partitions, frame by frame in turn; `publishing`: and partials."""
    pace, used, published = Pace(), 0.0, 0.0
    for begin in range(0, max(map(len, parts)), frame_records):
        for lane, part in zip(lanes, parts, strict=True):
            frame, at = part[begin : begin + frame_records], 0
            begun = time.thread_time()
            while frame and lane.offset < frame[-1].offset:
                _, at = lane.fold(frame, at, frame[-1].offset)
            if publishing and used - published >= pace.interval_us / 1_000_000:
                published = used
                for each in lanes:
                    each.partials(pace.most)
            used += time.thread_time() - begun
    return used


def fold_alone(
    profile: Profile, times: int, frame_records: int = MOST_RECORDS, *, publishing: bool = False
) -> list[float]:
    """µs of CPU per event, so many times, in a process of its own; `publishing`: partials as well."""
    words = ["--events", profile.events, "--times", times, "--frame", frame_records, "--json"]
    words += ["--operations", profile.operations] + ["--publishing"] * publishing
    command = [sys.executable, "-m", "loadtest.fold_alone", *map(str, words)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(value) for value in json.loads(answer.stdout)]


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.fold_alone", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--frame", type=int, default=MOST_RECORDS, help="records folded at once, at most")
    parser.add_argument("--operations", type=int, default=200)
    parser.add_argument("--publishing", action="store_true", help="make partials as well, as often as track does")
    parser.add_argument("--json", action="store_true", help="every figure, as a list")
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    given = parser.parse_args(words)
    profile = Profile.read("quick", {"events": given.events, "operations": given.operations})
    parts = by_partition(profile, scans(profile))
    tune_runtime()
    gc.freeze()
    if given.profile:
        with cProfile.Profile() as measured:
            fold_through(new_lanes(profile), parts, given.frame, publishing=given.publishing)
        pstats.Stats(measured).sort_stats("tottime").print_stats(40)
        return 0
    used = [
        fold_through(new_lanes(profile), parts, given.frame, publishing=given.publishing) for _ in range(given.times)
    ]
    found = [seconds / given.events * 1e6 for seconds in used]
    if given.json:
        print(json.dumps(found))
    else:
        print(f"{statistics.median(found):.2f} µs per event, {min(found):.2f} to {max(found):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
