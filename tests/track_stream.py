"""One partition of scans through track's lane, frame by frame, without a broker."""

import json

from services.topology import MARKER_KEY
from services.track.handler import Effects
from tests.product import plant_models
from tests.property.test_lane_simulation import Durable, Record, lane_from
from tests.reference.case import Row


class Stream:
    """One partition, its records one after another."""

    def __init__(self, model: Row) -> None:
        self._models = plant_models({1: model})
        self.durable = Durable()
        self.again()
        self.take([{"model": 1}])

    def take(self, entries: list[Row]) -> Effects:
        """One frame; what it brought about is durable."""
        records = [_record(self.lane.offset + 1 + at, entry) for at, entry in enumerate(entries)]
        effects, _ = self.lane.fold(records, 0, records[-1].offset)
        self.durable.send(effects)
        self.durable.write(effects)
        return effects

    def again(self) -> None:
        """Another owner, with nothing but what is durable."""
        self.lane = lane_from(self.durable, self._models, 6_000_000)


def _record(offset: int, entry: Row) -> Record:
    key = MARKER_KEY if "model" in entry else entry["unit_id"].encode()
    return Record(offset, 4_000_000_000_000, key, json.dumps(entry).encode(), ())
