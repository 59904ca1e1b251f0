"""A process that holds many live units and says what they cost: `python -m loadtest.scale_worker --units 20000`.

Memory is this process's, before and after; the cost of an event is the thread's CPU in Lane.fold. With --changelog the
state is then written to that broker, as track would have left it: the proof that it can be recovered is track's.
"""

import argparse
import asyncio
import gc
import json
import os
import sys
from collections.abc import Sequence

import psutil

from loadtest.fold_alone import fold_through
from loadtest.live_units import FRAME, LiveUnits, state
from loadtest.load import Profile
from services import settings, topology
from services.adapters.batches import BatchProducer
from services.adapters.changelog import Changelog
from services.adapters.clock import SystemClock
from services.adapters.runtime import tune_runtime
from services.settings import KafkaSettings
from services.track.app import CHANGELOG_BYTES

PIECE_UNITS = 2_500
"""Of the state of one partition in one batch; at 2 kB a unit it is well below the largest."""


def pieces_of(units: int, partitions: int) -> int:
    """In how many batches the state of a partition is written; floor.scans must be as long."""
    return max(1, -(-units // (partitions * PIECE_UNITS)))


async def write(kafka: KafkaSettings, live: LiveUnits, pieces: int) -> None:
    """The state of all partitions, as epochs and chained batches."""
    producer = BatchProducer(kafka, "bench-state", SystemClock(), CHANGELOG_BYTES)
    changelog = Changelog(kafka, topology.UNITS_CHANGELOG, producer)
    await producer.start()
    for partition, lane in enumerate(live.lanes):
        epoch = await changelog.claim(partition)
        for number, piece in enumerate(state(lane, pieces)):
            await (await changelog.write(partition, changelog.batch(epoch, number, number - 1, piece)))
    await producer.stop()


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.scale_worker", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--units", type=int, required=True)
    parser.add_argument("--kept", type=int, default=12, help="events of the history of each")
    parser.add_argument("--events", type=int, default=0, help="folded for each figure of cost")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--changelog", action="store_true", help="write the state to FLOORSTREAM_KAFKA")
    given = parser.parse_args(words)
    tune_runtime()
    live = LiveUnits(Profile.read("quick", {}), given.units, given.kept)
    gc.collect()
    empty = psutil.Process().memory_info().rss
    live.grow()
    gc.collect()
    full = psutil.Process().memory_info().rss
    tables = [lane.table for lane in live.lanes]
    held = sum(sys.getsizeof(k) + sys.getsizeof(v) for table in tables for k, v in table.items())
    rounds = [live.some(given.events, seed) for seed in range(given.rounds)]
    gc.freeze()
    costs = [fold_through(live.lanes, parts, FRAME) / given.events * 1e6 for parts in rounds]
    if given.changelog:
        kafka = settings.read(os.environ).kafka
        asyncio.run(write(kafka, live, pieces_of(given.units, kafka.scan_partitions)))
    print(json.dumps({
        "bytes_per_unit": (full - empty) / given.units, "state_bytes_per_unit": held / given.units,
        "rss_mb": full / (1 << 20), "us_per_event": costs,
    }))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
