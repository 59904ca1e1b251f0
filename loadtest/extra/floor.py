"""An Apache Kafka with the benchmark's load for one run of a job, and whether it made of it what it should."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.bench_floor import BenchFloor, Visits, WrongResult
from loadtest.extra.job import Stays, differing
from loadtest.load import Profile, ScanRecord
from services import topology
from services.embedded.apache_kafka import ApacheKafka


class ExtraFloor(BenchFloor):
    """The floor on one node of Apache Kafka: not everybody can live with the embedded broker."""

    def __init__(self, profile: Profile, records: Sequence[ScanRecord], data_dir: Path) -> None:
        super().__init__(profile, records, data_dir, ApacheKafka())

    async def check_stays(self, wanted: Stays) -> None:
        """Read everything that was sent; raises WrongResult where it is not, record for record, what is wanted."""
        found: Stays = {}
        async for record in self.records(topology.VISITS.name):
            if record.key != topology.MARK_KEY:
                found.setdefault(record.key, []).append(record.value)
        wrong = differing(found, wanted)
        if wrong:
            unit = wrong[0]
            raise WrongResult(
                f"{len(wrong)} of {len(wanted)} units have other stays, {unit.decode()}: {found.get(unit)} instead of "
                f"{wanted.get(unit)}"
            )

    async def check_visits(self, wanted: Visits) -> None:
        """The same for the product's rules: the newest revision of every visit."""
        found, _ = await self._read_visits()
        wrong = [where for where in {*found, *wanted} if found.get(where) != wanted.get(where)]
        if wrong:
            raise WrongResult(f"{len(wrong)} of {len(wanted)} visits differ, {wrong[0]} among them")

    async def records(self, topic: str) -> AsyncIterator[Any]:
        """Every record that is not of an aborted transaction, up to the end that this broker names truly."""
        async with AIOKafkaConsumer(
            bootstrap_servers=self.address, enable_auto_commit=False, auto_offset_reset="earliest",
            isolation_level="read_committed",
        ) as consumer:  # fmt: skip
            parts = [TopicPartition(topic, partition) for partition in range(self._profile.partitions)]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            for tp in parts:
                while await consumer.position(tp) < ends[tp]:
                    for record in (await consumer.getmany(tp, timeout_ms=200)).get(tp, ()):
                        yield record
