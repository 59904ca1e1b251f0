"""An Apache Kafka with the benchmark's load for one run of the common job, and what the run made of it."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.bench_floor import BenchFloor, WrongResult
from loadtest.extra.job import Stays, differing
from loadtest.load import Profile, ScanRecord
from services import topology
from services.embedded.apache_kafka import ApacheKafka


class StaysFloor(BenchFloor):
    """The floor on one node of Apache Kafka: not everybody can live with the embedded broker."""

    def __init__(self, profile: Profile, records: Sequence[ScanRecord], data_dir: Path) -> None:
        super().__init__(profile, records, data_dir, ApacheKafka())
        self._parts = [TopicPartition(topology.VISITS.name, partition) for partition in range(profile.partitions)]

    async def check_stays(self, wanted: Stays) -> None:
        """Read everything that was sent; raises WrongResult where it is not, record for record, what is wanted."""
        found: Stays = {}
        async for record in self._committed():
            if record.key != topology.MARK_KEY:
                found.setdefault(record.key, []).append(record.value)
        wrong = differing(found, wanted)
        if wrong:
            unit = wrong[0]
            raise WrongResult(
                f"{len(wrong)} of {len(wanted)} units have other stays, {unit.decode()}: {found.get(unit)} instead of "
                f"{wanted.get(unit)}"
            )

    async def _committed(self) -> AsyncIterator[Any]:
        """Every record of floor.visits that is not of an aborted transaction, up to the end the broker names."""
        async with AIOKafkaConsumer(
            bootstrap_servers=self.address, enable_auto_commit=False, auto_offset_reset="earliest",
            isolation_level="read_committed",
        ) as consumer:  # fmt: skip
            consumer.assign(self._parts)
            ends = await consumer.end_offsets(self._parts)
            for tp in self._parts:
                while await consumer.position(tp) < ends[tp]:
                    for record in (await consumer.getmany(tp, timeout_ms=200)).get(tp, ()):
                        yield record
