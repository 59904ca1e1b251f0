"""The opponent that Faust's own guide would write: a plain agent, a table, one event at a time.

    floor.scans ─► async for event ─► services.track.handler.Lane ─► faust.Table (one key per unit)
                                                                 ├─► topic.send: a visit at a time
                                                                 └─► topic.send: a partial at a time

The same fold and the same bytes of visits and unit states as everybody else. What Faust lets anybody tune is tuned as
in track: uvloop, thresholds of the collector, no web server, no leader topic, no standbys. Only the units are in the
table; the books of the operations, which would be a second one and more cost, are left in memory and lost with it.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import faust
import uvloop

from loadtest.load import Profile
from loadtest.measured import Run
from loadtest.opponents import BareFold, Batch
from services import settings, topology
from services.adapters.faust_app import FETCH_BYTES, run_app
from services.adapters.runtime import tune_runtime
from services.settings import KafkaSettings
from services.track.wire import UNIT


class UnitsTable(MutableMapping[bytes, bytes]):
    """A lane's table whose units are in Faust's, so that each change is a record of its changelog."""

    def __init__(self, units: Any) -> None:
        self._units = units
        self._books: dict[bytes, bytes] = {}

    def __getitem__(self, key: bytes) -> bytes:
        value: bytes = self._of(key)[key]
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._of(key)[key] = value

    def __delitem__(self, key: bytes) -> None:
        del self._of(key)[key]

    def __iter__(self) -> Iterator[bytes]:
        yield from self._units
        yield from self._books

    def __len__(self) -> int:
        return len(self._units) + len(self._books)

    def _of(self, key: bytes) -> Any:
        return self._units if key[:1] == UNIT else self._books


@dataclass(frozen=True, slots=True)
class _Record:
    """A message of Faust as the handler reads records."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Iterable[tuple[str, bytes]]


def _record(message: Any) -> _Record:
    headers = message.headers or ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return _Record(message.offset, int(message.timestamp * 1000), message.key, message.value, tuple(pairs))


def make_app(kafka: KafkaSettings, data_dir: str) -> Any:
    """A plain app; its table's changelog is the topic that track's is."""
    return faust.App(
        topology.TRACK_GROUP,
        broker=f"kafka://{kafka.brokers}",
        store="memory://",
        broker_session_timeout=kafka.session_timeout_s,
        broker_heartbeat_interval=kafka.session_timeout_s / 3,
        broker_rebalance_timeout=kafka.session_timeout_s,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES,
        consumer_group_instance_id=f"{topology.TRACK_GROUP}-idiomatic",
        producer_acks=-1,
        stream_recovery_delay=0,
        table_standby_replicas=0,
        topic_partitions=kafka.scan_partitions,
        topic_disable_leader=True,
        topic_allow_declare=False,
        # The embedded broker answers ListOffsets(latest) with less than there is.
        recovery_consistency_check=False,
        web_enabled=False,
        worker_redirect_stdouts=False,
        datadir=data_dir,
        autodiscover=False,
    )


async def timed(kafka: KafkaSettings, profile: Profile, run: Run, data_dir: str) -> None:
    """Run the app until everything is folded and acknowledged."""
    app, stop = make_app(kafka, data_dir), asyncio.Event()

    raw: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    units = app.Table(topology.UNITS_TABLE, partitions=kafka.scan_partitions, schema=faust.Schema(**raw))
    names = (topology.VISITS.name, topology.REJECTS.name, topology.PARTIALS.name)
    outputs = {name: app.topic(name, **raw) for name in names}
    fold = BareFold(kafka, profile, run, lambda partitions: [UnitsTable(units) for _ in range(partitions)])

    async def track(stream: Any) -> None:
        async for event in stream.events():
            run.begin()
            await _send(outputs, fold.fold(event.message.tp.partition, [_record(event.message)]))
            await _send(outputs, fold.partials())
            if fold.is_done:
                await app.producer.flush()
                run.done()
                stop.set()

    app.agent(app.topic(topology.SCANS.name, **raw), name="track")(track)
    await run_app(app, stop)


async def _send(outputs: Mapping[str, Any], batches: Iterator[Batch]) -> None:
    """Record by record; state goes through the table, and whoever has no frames marks none."""
    for topic, partition, items in batches:
        if topic != topology.UNITS_CHANGELOG:
            for key, value, _ in items:
                if key != topology.MARK_KEY:
                    await outputs[topic].send(key=key, value=value, partition=partition)


def main(words: Sequence[str] = sys.argv[1:], environment: Mapping[str, str] = os.environ) -> int:
    """The profile's size and events; the run is in the environment."""
    size, events = words
    tune_runtime()
    given, run = settings.read(environment), Run.from_environment(environment)
    profile = Profile.read(size, {"events": int(events), "partitions": given.kafka.scan_partitions})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(timed(given.kafka, profile, run, given.data_dir))
    return 0 if run.result.exists() else 1


if __name__ == "__main__":
    sys.exit(main())
