"""A job in Quix Streams (`stays` or `rules`): `apply(stateful=True)`, state in RocksDB with a changelog topic.

At least once: a checkpoint flushes outputs and changelog, then commits the offsets, then the local store
(https://quix.io/docs, advanced: checkpointing).
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from quixstreams import Application, message_context
from quixstreams.state.rocksdb import RocksDBOptions

from loadtest.extra.given import EVERY_S, FETCH, SEND
from loadtest.extra.jobs import job
from loadtest.measured import Run
from services.topology import MARKER_KEY, SCANS, VISITS

UNIT = "unit"
"""The one value in a unit's state."""


def as_bytes(value: str | bytes) -> bytes:
    """What the store calls serialization: names of values are text, what we keep is bytes already."""
    return value.encode() if isinstance(value, str) else value


def main(words: Sequence[str] = sys.argv[1:], environment: Mapping[str, str] = os.environ) -> int:
    """Run it to the end of the log; it stops with a checkpoint."""
    (name,) = words
    work, run = job(name), Run.from_environment(environment)
    app = Application(
        environment["FLOORSTREAM_KAFKA"],
        consumer_group="stays",
        auto_offset_reset="earliest",
        commit_interval=EVERY_S,
        state_dir=f"{environment['FLOORSTREAM_DATA_DIR']}/quix",
        rocksdb_options=RocksDBOptions(dumps=as_bytes, loads=bytes),
        consumer_extra_config=dict(FETCH),
        producer_extra_config=dict(SEND),
        loglevel="WARNING",
    )
    left = sum(run.ends) + len(run.ends)

    def fold(value: bytes, key: bytes, timestamp: int, headers: Any, state: Any) -> Sequence[bytes]:
        nonlocal left
        run.begin()
        left -= 1
        if not left:
            app.stop()
        if key == MARKER_KEY:
            return ()
        kept, place = state.get(UNIT), message_context()
        unit = work.new() if kept is None else work.load(kept)
        sent = work.take(unit, value, (place.partition, place.offset, timestamp, headers or ()))
        state.set(UNIT, work.dump(unit))
        return () if sent is None else (sent,)

    scans = app.topic(SCANS.name, key_deserializer="bytes", value_deserializer="bytes")
    visits = app.topic(VISITS.name, key_serializer="bytes", value_serializer="bytes")
    app.dataframe(scans).apply(fold, stateful=True, expand=True, metadata=True).to_topic(visits)
    app.run()
    run.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
