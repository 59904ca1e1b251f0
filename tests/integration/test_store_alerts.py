"""Rows of alerts and of what people did: every version once, the newest in `alerts`, nothing of a former owner."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from services.topology import ALERT_ACTIONS, ALERTS, EPOCH_KEY, PENDING_PREFIX
from tests.integration.store_process import StoreProcess
from tests.integration.test_store import ended
from tests.parts import ask, until
from tests.store_messages import T0

pytestmark = pytest.mark.real_broker


def version(number: int, epoch: int, **changes: Any) -> tuple[bytes, bytes]:
    """A version of an alert."""
    value = {
        "alert_id": "wip_limit|A", "epoch": epoch, "incident": 1, "version": number, "change": "updated",
        "state": "active_unacknowledged", "notify": False, "rule_id": "wip_limit", "measure": "wip_above",
        "subject_kind": "operation", "subject_id": "A", "priority": "medium", "limit": 10, "value": 10 + number,
        "at_us": T0 + number, "raised_us": T0, "model": 1,
        "units": [{"unit_id": "U\u0000", "visit_id": "e", "arrived_us": T0, "over": True}], **changes,
    }  # fmt: skip
    return b"wip_limit|A", json.dumps(value).encode()


class Log:
    """Writes into floor.alerts and floor.alert_actions, partition 0."""

    def __init__(self, broker: str) -> None:
        self._broker = broker

    async def write(self, *records: tuple[bytes, bytes | None], topic: str = ALERTS.name) -> int:
        """Append them; the offset of the last."""
        async with AIOKafkaProducer(bootstrap_servers=self._broker, acks="all") as producer:
            for key, value in records:
                ack = await producer.send_and_wait(topic, value, key=key, partition=0)
        return int(ack.offset)

    async def claim(self) -> int:
        """A new owner; its epoch."""
        return await self.write((EPOCH_KEY, b"{}"))


@pytest.fixture
def stores(fresh_broker: str, database: str, tmp_path: Path) -> Iterator[StoreProcess]:
    stores = StoreProcess(fresh_broker, database, tmp_path / "store.log")
    yield stores
    stores.end()


async def read_up_to(dsn: str, offset: int, topic: str = ALERTS.name) -> None:
    """Wait until the store is behind this record."""
    query = "SELECT 1 FROM sink_positions WHERE topic = $1 AND partition = 0 AND position > $2"

    async def there() -> bool:
        return bool(await ask(dsn, query, topic, offset))

    await until(there, f"{topic} is read up to {offset}")


async def versions(dsn: str) -> list[tuple[int, int]]:
    """(version, value) of every row of alert_changes."""
    return [tuple(row) for row in await ask(dsn, "SELECT version, value FROM alert_changes ORDER BY version")]


@pytest.mark.row(4)
@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
async def test_killed_at_a_named_point(point: str, fresh_broker: str, database: str, stores: StoreProcess) -> None:
    log = Log(fresh_broker)
    first = await log.claim()
    await log.write(version(1, first), (PENDING_PREFIX + b"wip_limit|B", b'{"since_us": 1}'), version(2, first))
    assert await ended(stores.start(KILL_AT=f"{point}:1")) == -signal.SIGKILL
    second = await log.claim()
    last = await log.write(
        version(3, first, value=99), version(3, second), version(3, second), (PENDING_PREFIX + b"wip_limit|B", None)
    )
    stores.start()
    await read_up_to(database, last)
    assert await versions(database) == [(1, 11), (2, 12), (3, 13)]
    newest = await ask(database, "SELECT version, value, units FROM alerts")
    assert [(row[0], row[1]) for row in newest] == [(3, 13)]
    assert json.loads(newest[0]["units"]) == [{"unit_id": "U", "visit_id": "e", "arrived_us": T0, "over": True}]


async def late_writer(log: Log, dsn: str, stores: StoreProcess, forget: bool) -> list[tuple[int, int]]:
    """A new owner is known to the store; the store starts anew, and then a former owner writes."""
    first = await log.claim()
    await log.write(version(1, first))
    last = await log.claim()
    child = stores.start()
    await read_up_to(dsn, last)
    child.terminate()
    assert await ended(child) == 0
    if forget:
        await ask(dsn, "UPDATE sink_positions SET mark = -1")
    await read_up_to_with(stores, dsn, await log.write(version(2, first, value=99)))
    return await versions(dsn)


async def read_up_to_with(stores: StoreProcess, dsn: str, offset: int) -> None:
    stores.start()
    await read_up_to(dsn, offset)


@pytest.mark.row(35)
async def test_a_former_owner_is_known_over_a_restart(fresh_broker: str, database: str, stores: StoreProcess) -> None:
    assert await late_writer(Log(fresh_broker), database, stores, forget=False) == [(1, 11)]


@pytest.mark.row(35)
@pytest.mark.red("the epoch beside the position")
@pytest.mark.slow
async def test_red_where_the_epoch_is_not_kept_with_the_position(
    fresh_broker: str, database: str, stores: StoreProcess
) -> None:
    assert await late_writer(Log(fresh_broker), database, stores, forget=True) == [(1, 11), (2, 99)]


async def test_what_people_did_is_kept_in_the_order_of_the_log(
    fresh_broker: str, database: str, stores: StoreProcess
) -> None:
    action = {
        "action_id": "a1", "alert_id": "wip_limit|A", "incident": 1, "action": "shelve", "by": "zhang", "via": "link",
        "at_us": T0, "until_us": T0 + 60_000_000, "reason": "known",
    }  # fmt: skip
    again = {**action, "action_id": "a2", "action": "acknowledge", "until_us": None, "reason": None}
    records = [(b"wip_limit|A", json.dumps(each).encode()) for each in (action, again)]
    last = await Log(fresh_broker).write(*records, topic=ALERT_ACTIONS.name)
    assert await ended(stores.start(KILL_AT="after_commit:1")) == -signal.SIGKILL
    stores.start()
    await read_up_to(database, last, ALERT_ACTIONS.name)
    rows = await ask(database, 'SELECT action_id, "by", reason FROM alert_actions ORDER BY "offset"')
    assert [tuple(row) for row in rows] == [("a1", "zhang", "known"), ("a2", "zhang", None)]
