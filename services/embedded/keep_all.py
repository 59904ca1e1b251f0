"""Before a broker that forgets is ended: what it has acknowledged goes into the database.

A barrier behind everything that was sent: scans, machine events, master data. When the store has read up to it, all
before it is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.adapters.rebuild_rows import stored_up_to
from services.adapters.timescale_pool import connect
from services.topology import MARKER_HEADER, MARKER_KEY, SENT

POLL_S = 0.05
Place = tuple[str, int]


class KeepAll:
    """Called once, when nothing comes in any more."""

    def __init__(self, broker: str, database: str, say: Callable[[str], None]) -> None:
        """`say` is told what could not be kept."""
        self._broker = broker
        self._database = database
        self._say = say

    def __call__(self, seconds: float) -> None:
        """Wait until everything is stored, at most so long."""
        try:
            missing = asyncio.run(self._wait(seconds))
        except (KafkaError, TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self._say(
                f"what the broker had and the store had not written yet is lost ({error or type(error).__name__}) "
                "消息代理中尚未写入数据库的记录已丢失"
            )
            return
        if missing:
            self._say(
                f"{missing} records were not written into the database in time and are lost: send them again "
                f"{missing} 条记录未能及时写入数据库，已丢失，请重新发送"
            )

    async def _wait(self, seconds: float) -> int:
        """How many records are not stored when the time is up."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        async with asyncio.timeout(seconds):
            barriers = await self._barriers()
            conn = await connect(self._database, application="floorstream up", command_timeout=seconds)
        try:
            while True:
                stored = await stored_up_to(conn)
                missing = lacking(barriers, stored)
                if not missing or loop.time() >= deadline:
                    return missing
                await asyncio.sleep(POLL_S)
        finally:
            conn.terminate()

    async def _barriers(self) -> dict[Place, int]:
        producer = AIOKafkaProducer(bootstrap_servers=self._broker, acks="all", client_id="floorstream-up")
        try:
            await producer.start()
            places = [(topic.name, p) for topic in SENT for p in await producer.partitions_for(topic.name)]
            headers = [(MARKER_HEADER, b"1")]
            sends = [
                producer.send_and_wait(topic, b"{}", key=MARKER_KEY, partition=partition, headers=headers)
                for topic, partition in places
            ]
            return {place: ack.offset for place, ack in zip(places, await asyncio.gather(*sends), strict=True)}
        finally:
            await producer.stop()


def lacking(barriers: Mapping[Place, int], stored: Mapping[Place, int]) -> int:
    """How many records before the barriers are not stored."""
    return sum(max(0, barrier - stored.get(place, 0)) for place, barrier in barriers.items())
