"""The common job in Bytewax: a keyed stateful operator, state in its recovery store at the end of every epoch.

Outputs are flushed with their batch, sources and state are snapshot together; after a crash it resumes at an epoch's
end and sends what came after it again (https://docs.bytewax.io, concepts: recovery).
"""

import os
import sys
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from loadtest.extra.job import EVERY_S, FETCH, SEND, Read, Unit, decode_read, decode_unit, encode_unit
from loadtest.measured import Run
from services.topology import MARKER_KEY, SCANS, VISITS

BATCH = 2_048


class StaysLogic(op.StatefulBatchLogic):  # type: ignore[misc]
    """One unit."""

    def __init__(self, kept: bytes | None) -> None:
        self._unit = Unit() if kept is None else decode_unit(kept)

    def on_batch(self, values: list[Read]) -> tuple[Iterable[Any], bool]:
        """What these scans of the unit end; the unit is retained."""
        ended = [(read, self._unit.take(read)) for read in values]
        return [KafkaSinkMessage(read.unit_id.encode(), stay) for read, stay in ended if stay is not None], self.RETAIN

    def snapshot(self) -> bytes:
        """Asked for at the end of an epoch in which the unit was met."""
        return encode_unit(self._unit)


def stays(brokers: list[str], run: Run) -> Dataflow:
    """floor.scans to its present end ─► unit by unit ─► floor.visits."""

    def read(messages: list[Any]) -> list[tuple[str, Read]]:
        run.begin()
        return [(each.key.decode(), decode_read(each.value)) for each in messages if each.key != MARKER_KEY]

    flow = Dataflow("stays")
    source = KafkaSource(brokers, [SCANS.name], tail=False, batch_size=BATCH, add_config=dict(FETCH))
    scans = op.flat_map_batch("read", op.input("scans", flow, source), read)
    ended = op.stateful_batch("fold", scans, StaysLogic)
    op.output("visits", op.key_rm("unkey", ended), KafkaSink(brokers, VISITS.name, add_config=dict(SEND)))
    return flow


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Run it to the end of the log; everything is durable when it returns."""
    run = Run.from_environment(environment)
    store = Path(environment["FLOORSTREAM_DATA_DIR"]) / "bytewax"
    store.mkdir()
    init_db_dir(store, 1)
    flow = stays(environment["FLOORSTREAM_KAFKA"].split(","), run)
    cli_main(flow, epoch_interval=timedelta(seconds=EVERY_S), recovery_config=RecoveryConfig(str(store)))
    run.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
