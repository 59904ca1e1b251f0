"""Alerts through show on a real broker and a real database: they come in, actions go out, their audit is read."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services import settings
from services.adapters.alerts_read import AlertRows
from services.adapters.clock import SystemClock
from services.adapters.metrics import Metrics
from services.adapters.timescale_pool import open_pool
from services.alert.owned import SIGN_US
from services.show.app import ShowDeps, create_app, run, wire
from services.topology import ALERT_ACTIONS, ALERTS
from tests.alerts import acknowledged, alert, give_alert, partition, unit
from tests.integration.alert_process import AlertProcesses, Floor
from tests.integration.test_alert import PLANT
from tests.integration.test_show import writing
from tests.integration.test_show_rows import put_unit, put_visit
from tests.parts import until
from tests.show_floor import MINUTE, T0, deps


async def write(broker: str, *written: dict[str, Any]) -> None:
    """Versions into floor.alerts."""
    async with writing(broker) as producer:
        for record in written:
            key, value = record["alert_id"].encode(), json.dumps(record).encode()
            await producer.send_and_wait(ALERTS.name, value, key, partition=partition(record))


@contextlib.asynccontextmanager
async def serving(broker: str) -> AsyncIterator[tuple[ShowDeps, httpx.AsyncClient]]:
    """Show at work, and a client of this machine."""
    given = settings.read({"FLOORSTREAM_KAFKA": broker, "FLOORSTREAM_PROFILE": "embedded"})
    async with wire(given, Metrics()) as shown:
        task = asyncio.create_task(run(shown))
        transport = httpx.ASGITransport(create_app(shown))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
                yield shown, client
        finally:
            task.cancel()
            await asyncio.wait([task])


@contextlib.asynccontextmanager
async def actions(broker: str, of: dict[str, Any]) -> AsyncIterator[AIOKafkaConsumer]:
    """What comes into the partition of floor.alert_actions that this alert belongs to."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(ALERT_ACTIONS.name, partition(of))])
        yield consumer
    finally:
        await consumer.stop()


async def versions(client: httpx.AsyncClient) -> dict[str, int]:
    found = (await client.get("/v1/alerts?state=all")).json()["alerts"]
    return {each["alert_id"]: each["version"] for each in found}


async def test_an_alert_comes_in_and_an_acknowledgement_goes_out_and_comes_back(fresh_broker: str) -> None:
    raised = alert("A")
    await write(fresh_broker, raised, alert("C", priority="high"))
    async with serving(fresh_broker) as (shown, client), actions(fresh_broker, raised) as consumer:
        await until(lambda: knows(client, {"wip_limit|A": 1, "wip_limit|C": 1}), "both alerts")
        await until(lambda: connected(shown), "the outbox has its broker")
        posting = asyncio.create_task(
            client.post("/v1/alerts/wip_limit|A/acknowledge", json={"incident": 1, "by": "李明", "action_id": "a1"})
        )
        record = await asyncio.wait_for(consumer.getone(), 30)
        action = json.loads(record.value)
        assert (record.key, action["action"], action["by"]) == (b"wip_limit|A", "acknowledge", "李明")
        await write(fresh_broker, acknowledged(subject="A", action_offset=record.offset))
        answer = await posting
        await until(lambda: knows(client, {"wip_limit|A": 2, "wip_limit|C": 1}), "the new version")
    assert (answer.status_code, answer.json()["alert"]["acknowledged_by"]) == (200, "李明")


async def knows(client: httpx.AsyncClient, wanted: dict[str, int]) -> bool:
    return await versions(client) == wanted


async def connected(shown: ShowDeps) -> bool:
    return await shown.outbox.reachable()


async def test_show_knows_whether_alerts_are_judged(fresh_broker: str, tmp_path: Path) -> None:
    stages = AlertProcesses(fresh_broker, "embedded", tmp_path)
    producer = AIOKafkaProducer(bootstrap_servers=fresh_broker)
    await producer.start()
    try:
        await Floor(producer).plant(PLANT)
        async with serving(fresh_broker) as (shown, _):
            assert shown.alerts.alerts.judged_until_us() is None
            child = stages.start()
            await until(lambda: judged(shown, 0), "the stage gives a sign of life", 60)
            before = SystemClock().now_us()
            await until(lambda: judged(shown, before), "and another one")
            child.kill()
            child.wait()
            await until(lambda: quiet(shown, 2 * SIGN_US), "none once it is gone", 60)
    finally:
        await producer.stop()
        stages.end()


async def judged(shown: ShowDeps, since_us: int) -> bool:
    return (shown.alerts.alerts.judged_until_us() or 0) > since_us


async def quiet(shown: ShowDeps, for_us: int) -> bool:
    return SystemClock().now_us() - (shown.alerts.alerts.judged_until_us() or 0) > for_us


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections as show has them."""
    opened = await open_pool(database, application="test")
    yield opened
    opened.terminate()


async def put_change(pool: asyncpg.Pool, version: int, change: str, at: int) -> None:
    """A row of alert_changes."""
    await pool.execute(
        "INSERT INTO alert_changes (alert_id, epoch, incident, version, change, state, notify, rule_id, measure,"
        " subject_kind, subject_id, priority, limit_value, value, at, model) VALUES ('wip_limit|A', 1, 1, $1, $2,"
        " 'active_unacknowledged', true, 'wip_limit', 'wip_above', 'operation', 'A', 'medium', 40, 43, $3, 1)",
        version, change, at,
    )  # fmt: skip


async def put_action(pool: asyncpg.Pool, offset: int, action_id: str, at: int) -> None:
    """A row of alert_actions."""
    await pool.execute(
        'INSERT INTO alert_actions (partition, "offset", action_id, alert_id, incident, action, "by", via, at,'
        " generation) VALUES (0, $1, $2, 'wip_limit|A', 1, 'acknowledge', '李明', 'link:robot', $3, 1)",
        offset, action_id, at,
    )  # fmt: skip


async def asked(shown: ShowDeps) -> dict[str, Any]:
    """The one alert over HTTP."""
    transport = httpx.ASGITransport(create_app(shown))
    async with httpx.AsyncClient(transport=transport, base_url="http://show") as client:
        answer = await client.get("/v1/alerts/wip_limit|A")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_one_alert_comes_with_its_changes_what_people_did_and_where_its_units_are(pool: asyncpg.Pool) -> None:
    for version, change in ((1, "raised"), (2, "updated"), (3, "acknowledged")):
        await put_change(pool, version, change, T0 + version)
    for offset, action_id in ((0, "a1"), (1, "a1"), (2, "a2")):
        await put_action(pool, offset, action_id, T0 + offset)
    await put_unit(pool, "u1")
    await put_visit(pool, "u1", 0, T0 - MINUTE, T0, visit_id="e-u1")
    shown = deps(alert_rows=AlertRows(pool))
    give_alert(shown, alert(units=[unit("u2", MINUTE), unit("u1", MINUTE)]))
    found = await asked(shown)
    assert [change["change"] for change in found["changes"]] == ["acknowledged", "raised"]
    assert [(action["action_id"], action["at_us"]) for action in found["actions"]] == [("a2", T0 + 2), ("a1", T0)]
    assert [(where["unit_id"], where["status"], where["left_us"]) for where in found["whereabouts"]] == [
        ("u2", None, None),
        ("u1", "in_process", T0),
    ]


async def test_an_alert_is_told_although_the_database_is_away(empty_database: str) -> None:
    without_tables = await open_pool(empty_database, application="test")
    try:
        shown = deps(alert_rows=AlertRows(without_tables))
        give_alert(shown, alert())
        found = await asked(shown)
    finally:
        without_tables.terminate()
    assert (found["alert"]["version"], found["changes"], found["actions"]) == (1, None, None)
