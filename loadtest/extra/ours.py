"""The common job in the product's engine, and in the bare loops around the same lane.

`python -m loadtest.extra.ours track | aiokafka | confluent`; settings and the run are in the environment.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence

import uvloop

from loadtest.extra.job import Unit, decode_read, decode_unit, encode_unit
from loadtest.load import Profile
from loadtest.measured import Run
from loadtest.opponents import BareFold, with_aiokafka, with_confluent
from loadtest.timed_track import timed
from services import settings
from services.adapters import track_wire
from services.adapters.runtime import tune_runtime
from services.topology import MARK_KEY, MARKER_KEY
from services.track.app import Track
from services.track.handler import Effects, Lane
from services.track.wire import Record


class StaysLane(Lane):
    """A lane that folds the common job instead of the rules; nothing of it is in the ledger or in partials."""

    def recover(self, offset: int, epoch: int) -> Iterator[None]:
        """Nothing is derived from the table."""
        self.offset, self.epoch = offset, epoch
        yield

    def fold(self, records: Sequence[Record], start: int, end: int) -> tuple[Effects, int]:
        """All records at once: the state of a frame's units is far below a batch."""
        effects, touched = Effects(self.offset, self.offset), dict[bytes, Unit]()
        for record in records[start:]:
            key, value = record.key, record.value
            if record.offset <= self.offset or key == MARKER_KEY:
                continue
            assert key is not None
            assert value is not None
            unit = touched.get(key)
            if unit is None:
                data = self.table.get(key)
                unit = touched[key] = Unit() if data is None else decode_unit(data)
            stay = unit.take(decode_read(value))
            if stay is not None:
                effects.outputs.append((key, stay, ()))
        effects.offset = self.offset = max(self.offset, end)
        effects.outputs.append((MARK_KEY, self._wire.frame_mark(self.generation, self.partition, end, self.epoch), ()))
        effects.changelog = [(key, encode_unit(unit)) for key, unit in touched.items()]
        self.table.update(effects.changelog)
        return effects, len(records)


def new_lane(partition: int) -> StaysLane:
    """A lane of this partition, nothing in it."""
    return StaysLane(partition, lambda unit: partition, 1, {}, {}, track_wire)


class StaysTrack(Track):
    """The stage with that lane: frames, epochs, recovery, order of effects and commits are the product's."""

    def _new_lane(self, partition: int) -> Lane:
        return new_lane(partition)


class StaysFold(BareFold):
    """The bare loops with that lane."""

    def __init__(self, kafka: settings.KafkaSettings, profile: Profile, run: Run) -> None:
        super().__init__(kafka, profile, run)
        self.lanes = [new_lane(partition) for partition in range(kafka.scan_partitions)]


def main(words: Sequence[str] = sys.argv[1:], environment: Mapping[str, str] = os.environ) -> int:
    """Run one of them; 0 when the result is written."""
    logging.basicConfig(level=logging.WARNING)
    tune_runtime()
    (client,) = words
    kafka, run = settings.read(environment).kafka, Run.from_environment(environment)
    profile = Profile.read("quick", {"partitions": kafka.scan_partitions})
    if client == "confluent":
        with_confluent(StaysFold(kafka, profile, run), kafka, run)
        return 0
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if client == "track":
            runner.run(timed(run, StaysTrack))
        else:
            runner.run(with_aiokafka(StaysFold(kafka, profile, run), kafka, run))
    return 0 if run.result.exists() else 1


if __name__ == "__main__":
    sys.exit(main())
