"""What a stack waits for before its broker, which forgets, is ended."""

import asyncio

from services import topology
from services.embedded.keep_all import KeepAll
from tests.faults.scans import producing
from tests.parts import SCAN_PARTITIONS, ask

UNSTORED_SECONDS = 5.0
"""All of them are waited for, and in them broker and database have to answer."""
STORED = """
INSERT INTO sink_positions (topic, partition, generation, position, epoch)
SELECT topic, partition, 1, 1000, 1 FROM unnest($1::text[]) AS topic, generate_series(0, $2) AS partition
"""


async def test_what_was_sent_and_is_not_stored_is_said(fresh_broker: str, database: str) -> None:
    async with producing(fresh_broker) as producer:
        for topic in (topology.SCANS, topology.MACHINES, topology.MASTER):
            await producer.send_and_wait(topic.name, b"{}", key=b"order/O", partition=0)
    said: list[str] = []
    await asyncio.to_thread(KeepAll(fresh_broker, database, said.append), UNSTORED_SECONDS)
    assert [line.split(" ")[0] for line in said] == ["3"], said


async def test_what_is_stored_is_waited_for_no_longer(fresh_broker: str, database: str) -> None:
    await ask(database, STORED, [topic.name for topic in topology.SENT], SCAN_PARTITIONS - 1)
    said: list[str] = []
    await asyncio.to_thread(KeepAll(fresh_broker, database, said.append), 60)
    assert said == []
