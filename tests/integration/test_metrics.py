"""Metrics of every stage of a running system: found by the data directory, and what they count is what happened."""

import json
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.adapters.metrics import Metrics
from services.embedded.instance import Instance, named
from services.embedded.process import free_port
from tests.integration.up_process import Running
from tests.parts import ask, until

UNITS = 30


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running stack with the example plant into which some events have gone, one twice, one wrong."""
    with Running(tmp_path_factory.mktemp("metrics"), "up", "--port", str(free_port())) as running:
        events = [event(number) for number in range(UNITS)] + [event(0), event(1, read_point_id="NOWHERE", id="bad")]
        log = running.home / "log.jsonl"
        log.write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
        for words in (("replay", str(log), "--via", "kafka"), ("drain",)):
            done = running.floorstream(*words)
            assert done.returncode == 0, done.stderr
        yield running


@pytest.fixture
def here(up: Running) -> Instance:
    """Where it can be reached."""
    return named(up.data_dir)


def event(number: int, read_point_id: str = "L1-OP10-IN", id: str = "") -> dict[str, str]:
    """An arrival."""
    return {
        "event_id": id or f"m{number}", "unit_id": f"M{number}", "read_point_id": read_point_id,
        "event_time": "2026-11-20T01:00:00Z",
    }  # fmt: skip


async def scraped(running: Running, stage: str) -> dict[tuple[str, ...], float]:
    """(name, label values by label) → value of what this stage answers."""
    address = json.loads((running.data_dir / "metrics.json").read_text())[stage]
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        answer = await client.get(address)
    answer.raise_for_status()
    return {
        (sample.name, *[sample.labels[label] for label in sorted(sample.labels)]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def total(found: dict[tuple[str, ...], float], name: str) -> float:
    """The sum over all labels."""
    return sum(value for (each, *_), value in found.items() if each == name)


async def test_track_counts_every_outcome_and_lags_behind_nothing(up: Running) -> None:
    async def settled() -> bool:
        found = await scraped(up, "track")
        return total(found, "floorstream_track_frames_under_way") == 0

    await until(settled, "every frame is acknowledged")
    found = await scraped(up, "track")
    assert {key[1:]: value for key, value in found.items() if key[0] == "floorstream_track_events_total"} == {
        ("accepted", ""): UNITS, ("duplicate", ""): 1, ("forwarded", ""): 0, ("refused", "unknown_read_point"): 1,
    }  # fmt: skip
    assert total(found, "floorstream_track_lag_records") == 0
    assert found["floorstream_track_fold_seconds_count",] >= found["floorstream_track_frames_total",] > 0
    assert {key[1] for key in found if key[0] == "floorstream_track_epoch"} == {"0", "1", "2", "3"}


async def test_store_stands_where_the_database_says(up: Running, here: Instance) -> None:
    async def equal() -> bool:
        rows = await ask(here.database, "SELECT topic, partition, position FROM sink_positions WHERE position > 0")
        stands = {(str(row["partition"]), row["topic"]): row["position"] for row in rows}
        found = await scraped(up, "store")
        return {key[1:]: v for key, v in found.items() if key[0] == "floorstream_store_position" and v} == stands

    await until(equal, "positions of metrics and database are equal")
    found = await scraped(up, "store")
    rows = await ask(here.database, "SELECT count(*) FROM raw_scans")
    assert found["floorstream_store_rows_total", "raw_scans"] == rows[0][0]
    assert found["floorstream_store_rows_total", "rejects"] == 1
    assert found["floorstream_store_flush_seconds_count",] > 0


async def test_aggregate_says_when_it_was_last_up_to_date(up: Running) -> None:
    found = await scraped(up, "aggregate")
    before = found["floorstream_aggregate_round_timestamp_seconds",]
    assert found["floorstream_aggregate_states_total",] > 0
    assert found["floorstream_aggregate_partials_total", "yes"] > 0

    async def later() -> bool:
        return (await scraped(up, "aggregate"))["floorstream_aggregate_round_timestamp_seconds",] > before

    await until(later, "the next round is acknowledged")


async def test_alert_knows_its_rules_and_meets_its_deadlines(up: Running) -> None:
    async def judged() -> bool:
        found = await scraped(up, "alert")
        return found["floorstream_alert_rules",] > 0 and found["floorstream_alert_states_total",] > 0

    await until(judged, "the rules of the plant are known and states are judged")
    found = await scraped(up, "alert")
    assert found["floorstream_alert_held",] == 0
    assert {key[1] for key in found if key[0] == "floorstream_alert_epoch"} == {"0", "1"}


async def test_the_front_door_answers_at_its_own_address(up: Running) -> None:
    assert (await scraped(up, "front"))["floorstream_plant_version",] == 1


def test_a_metrics_port_that_is_taken_is_said_and_nothing_ends(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    first, second = Metrics(), Metrics()
    first.listen("127.0.0.1", port)
    second.listen("127.0.0.1", port)
    assert f"FLOORSTREAM_METRICS_PORT={port}" in caplog.text
