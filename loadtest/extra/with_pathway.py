"""The common job in Pathway: a stateful reducer per unit, the input persisted.

Without a licence key only the input is persisted, not the state of operators: a restart reads all of it again.

The rows of one unit in a minibatch come in any order, so they carry their offset; what changes in the reducer's table
becomes a stream of updates, whose stays are sent in the order of their numbers.
"""

import os
import sys
from collections.abc import Mapping

import pathway as pw

from loadtest.extra.given import EVERY_S, FETCH, SEND
from loadtest.extra.job import Unit, decode_read, decode_unit, encode_unit
from loadtest.measured import Run
from services.topology import MARKER_KEY, SCANS, VISITS

MINIBATCH_MS = 100

Kept = tuple[bytes, tuple[tuple[int, bytes], ...]]
"""A unit, and the stays that its last minibatch ended, with their numbers."""


@pw.reducers.stateful_many  # type: ignore[untyped-decorator]
def fold(kept: Kept | None, rows: list[tuple[tuple[int, bytes], int]]) -> Kept:
    """A minibatch of scans of one unit, each (offset, value); none is ever taken back."""
    unit = Unit() if kept is None else decode_unit(kept[0])
    first = unit.stays
    ended = [unit.take(decode_read(value)) for (_, value), _ in sorted(rows)]
    return encode_unit(unit), tuple(enumerate((stay for stay in ended if stay is not None), first))


def stays(brokers: str) -> None:
    """floor.scans to its present end ─► unit by unit ─► floor.visits."""
    place = {"bootstrap.servers": brokers, "group.id": "stays", "auto.offset.reset": "earliest"}
    scans = pw.io.kafka.read(
        place | dict(FETCH), SCANS.name, format="raw", mode="static", with_metadata=True,
        autocommit_duration_ms=MINIBATCH_MS, name="scans",
    )  # fmt: skip
    scans = scans.filter(pw.this.key != MARKER_KEY)
    units = scans.groupby(pw.this.key).reduce(
        pw.this.key, kept=fold(pw.this._metadata["offset"].as_int(), pw.this.data)
    )
    ended = units.to_stream().filter(pw.this.is_upsert).select(pw.this.key, stay=pw.this.kept[1]).flatten(pw.this.stay)
    ended = ended.select(pw.this.key, number=pw.this.stay[0], value=pw.this.stay[1])
    pw.io.kafka.write(
        ended, {"bootstrap.servers": brokers} | dict(SEND), VISITS.name, format="raw", key=ended.key, value=ended.value,
        headers=[ended.number], sort_by=[ended.key, ended.number],
    )  # fmt: skip


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Run it to the end of the log; it reads ahead of its operators, so the time begins before it does."""
    run = Run.from_environment(environment)
    stays(environment["FLOORSTREAM_KAFKA"])
    store = pw.persistence.Backend.filesystem(f"{environment['FLOORSTREAM_DATA_DIR']}/pathway")
    run.begin()
    pw.run(
        monitoring_level=pw.MonitoringLevel.NONE,
        persistence_config=pw.persistence.Config(
            store, snapshot_interval_ms=int(EVERY_S * 1000), persistence_mode=pw.PersistenceMode.PERSISTING
        ),
    )
    run.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
