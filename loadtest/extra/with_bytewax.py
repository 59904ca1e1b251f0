"""A job in Bytewax (`stays` or `rules`): a keyed stateful operator, state in a store at the end of every epoch.

Outputs are flushed with their batch, sources and state are snapshot together; after a crash it resumes at an epoch's
end and sends what came after it again (https://docs.bytewax.io, concepts: recovery).
"""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from loadtest.extra.given import EVERY_S, FETCH, SEND, Job
from loadtest.extra.jobs import job
from loadtest.measured import Run
from services.topology import MARKER_KEY, SCANS, VISITS

BATCH = 2_048


class UnitLogic(op.StatefulBatchLogic):  # type: ignore[misc]
    """One unit."""

    def __init__(self, work: Job, kept: bytes | None) -> None:
        self._job = work
        self._unit = work.new() if kept is None else work.load(kept)

    def on_batch(self, values: list[Any]) -> tuple[Iterable[Any], bool]:
        """What these records of the unit bring about; the unit is retained."""
        take, unit, sent = self._job.take, self._unit, []
        for each in values:
            value = take(unit, each.value, (each.partition, each.offset, each.timestamp[1], each.headers))
            if value is not None:
                sent.append(KafkaSinkMessage(each.key, value))
        return sent, self.RETAIN

    def snapshot(self) -> bytes:
        """Asked for at the end of an epoch in which the unit was met."""
        return self._job.dump(self._unit)


def dataflow(work: Job, brokers: list[str], run: Run) -> Dataflow:
    """floor.scans to its present end ─► unit by unit ─► floor.visits."""

    def read(messages: list[Any]) -> list[tuple[str, Any]]:
        run.begin()
        return [(each.key.decode(), each) for each in messages if each.key != MARKER_KEY]

    flow = Dataflow("units")
    source = KafkaSource(brokers, [SCANS.name], tail=False, batch_size=BATCH, add_config=dict(FETCH))
    scans = op.flat_map_batch("read", op.input("scans", flow, source), read)
    sent = op.stateful_batch("fold", scans, partial(UnitLogic, work))
    op.output("visits", op.key_rm("unkey", sent), KafkaSink(brokers, VISITS.name, add_config=dict(SEND)))
    return flow


def main(words: Sequence[str] = sys.argv[1:], environment: Mapping[str, str] = os.environ) -> int:
    """Run it to the end of the log; everything is durable when it returns."""
    run = Run.from_environment(environment)
    store = Path(environment["FLOORSTREAM_DATA_DIR"]) / "bytewax"
    store.mkdir()
    init_db_dir(store, 1)
    (name,) = words
    flow = dataflow(job(name), environment["FLOORSTREAM_KAFKA"].split(","), run)
    cli_main(flow, epoch_interval=timedelta(seconds=EVERY_S), recovery_config=RecoveryConfig(str(store)))
    run.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
