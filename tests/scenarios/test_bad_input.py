"""Bad input of every kind into a running system, by HTTP and straight into the log: refused with one reason, kept byte
for byte, felt by no other unit, and taken in once its cause is mended. In the order of the file: the cure comes last.
"""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer

from services.core.identity import partition_of
from services.embedded.instance import named
from services.embedded.process import free_port
from services.topology import SCANS
from tests.integration.up_process import Running
from tests.parts import SCAN_PARTITIONS, ask, until
from tests.scenarios.bad_input import (
    CASES,
    CURED,
    FIELDS,
    HISTORY,
    MODEL,
    PLANT,
    TAKEN,
    TIME,
    TIMES,
    UNREADABLE,
    Bad,
    Good,
    event,
)  # fmt: skip

BYSTANDERS = 20
ROWS = "SELECT * FROM {} WHERE unit_id LIKE 'BYSTANDER-%' ORDER BY 1, 2"
DOORS = [case for case in CASES if case.doors]
ROWS_OF = {(21, 23): UNREADABLE, (21, 23, 25): FIELDS, (30,): TIMES, (25,): MODEL, (29,): HISTORY}
RECORDS = [
    pytest.param(case, id=case.name, marks=pytest.mark.row(*rows)) for rows, cases in ROWS_OF.items() for case in cases
]


@dataclass
class Floor:
    """A running system into which all of CASES and TAKEN have gone."""

    running: Running
    address: str
    database: str
    broker: str
    before: list[list[asyncpg.Record]] = field(default_factory=list)
    at: dict[str, tuple[int, int]] = field(default_factory=dict)
    answers: dict[str, httpx.Response] = field(default_factory=dict)

    async def rejected(self, name: str) -> list[asyncpg.Record]:
        """The rejects of the record of this case."""
        query = "SELECT * FROM rejects WHERE partition = $1 AND \"offset\" = $2 AND origin = 'kafka'"
        return await ask(self.database, query, *self.at[name])

    def floorstream(self, *words: str) -> str:
        """A command that must succeed; what it prints."""
        done = self.running.floorstream(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    async def bystanders(self) -> list[list[asyncpg.Record]]:
        """All rows of the units that nobody touches."""
        return [await ask(self.database, ROWS.format(table)) for table in ("visits", "units")]

    async def request(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        """One request to the front door."""
        async with httpx.AsyncClient(trust_env=False, base_url=self.address, timeout=30) as client:
            return await client.request(method, path, content=content, headers=headers)


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """The system, with everything in it that these tests are about."""
    home = tmp_path_factory.mktemp("bad")
    plant = home / "plant.yaml"
    plant.write_text(PLANT, encoding="utf-8")
    with Running(home, "up", "--plant", str(plant), "--port", str(free_port())) as running:
        here = named(running.data_dir)
        floor = Floor(running, running.address, here.database, here.broker)
        asyncio.run(good_scans(floor))
        floor.floorstream("drain")
        floor.before = asyncio.run(floor.bystanders())
        asyncio.run(bad_records(floor))
        asyncio.run(bad_requests(floor))
        floor.floorstream("drain")
        yield floor


async def good_scans(floor: Floor) -> None:
    """What is there before: bystanders, and two units with a history."""
    events = [
        event(event_id=f"b{unit}-{point}", unit_id=f"BYSTANDER-{unit}", read_point_id=point)
        for unit in range(BYSTANDERS) for point in ("A-IN", "B-IN")
    ]  # fmt: skip
    events.append(event(event_id="h1", unit_id="HISTORY"))
    events += [
        event(event_id=f"l{n}", unit_id="LATE", event_time=TIME.replace("01:00", f"0{n}:30")) for n in range(1, 7)
    ]
    answer = await floor.request("POST", "/v1/scans", json.dumps(events).encode())
    assert answer.json()["accepted"] == len(events), answer.text


async def bad_records(floor: Floor) -> None:
    """All cases straight into the log, as a producer that knows no better writes them."""
    producer = AIOKafkaProducer(bootstrap_servers=floor.broker, acks="all", max_request_size=1 << 20)
    await producer.start()
    try:
        everything: list[Bad | Good] = [*CASES, *TAKEN]
        for case in everything:
            headers = [("source", case.source.encode())] if isinstance(case, Bad) and case.source else []
            sent = await producer.send_and_wait(
                SCANS.name, case.value, case.key, partition=partition_for(case), headers=headers
            )
            floor.at[case.name] = (sent.partition, sent.offset)
    finally:
        await producer.stop()


def partition_for(case: Bad | Good) -> int:
    """That of the unit, or for those that go astray the next one."""
    unit = case.unit_id if isinstance(case, Good) else (case.key or b"").decode("utf-8", "replace")
    return (partition_of(unit, SCAN_PARTITIONS) + case.astray) % SCAN_PARTITIONS


async def bad_requests(floor: Floor) -> None:
    """All cases that a sender of HTTP could send, one by one."""
    for case in DOORS:
        headers = {"X-Source": case.source or "gate", "Content-Type": "application/x-ndjson"}
        floor.answers[case.name] = await floor.request("POST", "/v1/scans", case.value or b"", **headers)


def test_names_of_cases_are_unique() -> None:
    names = [*(case.name for case in CASES), *(case.name for case in TAKEN)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", RECORDS)
async def test_a_bad_record_has_one_reject_with_its_reason_and_its_bytes(floor: Floor, case: Bad) -> None:
    async def there() -> bool:
        return bool(await floor.rejected(case.name))

    await until(there, f"a reject of {case.name}")
    rows = await floor.rejected(case.name)
    assert [(row["reason"], row["value"], row["key"]) for row in rows] == [(case.reason, case.value, case.key)]
    detail = json.loads(rows[0]["detail"])
    assert case.says in detail["en"]
    assert detail["zh"]


@pytest.mark.parametrize("case", DOORS, ids=lambda case: case.name)
def test_a_bad_request_is_answered_with_the_reason(floor: Floor, case: Bad) -> None:
    answer = floor.answers[case.name]
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [(result["status"], result["reason"]) for result in answer.json()["results"]] == [("refused", case.reason)]
    assert case.says in answer.json()["results"][0]["detail"]


async def test_what_http_refused_is_kept_byte_for_byte(floor: Floor) -> None:
    async def kept() -> list[tuple[str, bytes]]:
        rows = await ask(floor.database, "SELECT reason, value FROM rejects WHERE origin = 'http'")
        return sorted((row["reason"], row["value"]) for row in rows)

    expected = sorted((case.reason, case.value or b"") for case in DOORS)

    async def all_there() -> bool:
        return len(await kept()) >= len(expected)

    await until(all_there, "every refusal is in the table")
    assert await kept() == expected


async def test_the_refused_are_read_over_http_as_they_came(floor: Floor) -> None:
    answer = await floor.request("GET", "/v1/rejects?reason=clock_ahead")
    values = {base64.b64decode(row["value"]) for row in answer.json()["rejects"]}
    assert values == {case.value for case in CASES if case.reason == "clock_ahead"}


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.name)
async def test_what_only_looks_bad_is_taken_in_once(floor: Floor, case: Good) -> None:
    rows = await ask(floor.database, "SELECT visit_seq, visit_id FROM visits WHERE unit_id = $1", case.unit_id)
    assert [tuple(row) for row in rows] == [(1, case.event_id)]
    assert await floor.rejected(case.name) == []


@pytest.mark.row(25)
async def test_a_record_in_the_wrong_partition_stands_there_as_forwarded(floor: Floor) -> None:
    query = 'SELECT forwarded FROM raw_scans WHERE partition = $1 AND "offset" = $2'
    rows = await ask(floor.database, query, *floor.at["the wrong partition"])
    assert [row["forwarded"] for row in rows] == [True]
    answer = await floor.request("GET", "/v1/events/of%20ASTRAY")
    assert sorted(r["fate"] for r in answer.json()["events"][0]["records"]) == ["accepted", "forwarded"]


async def test_bad_input_of_a_unit_changes_nothing_of_it(floor: Floor) -> None:
    rows = await ask(floor.database, "SELECT unit_id, events FROM units WHERE unit_id IN ('BAD', 'HISTORY', 'LATE')")
    assert {row["unit_id"]: row["events"] for row in rows} == {"HISTORY": 1, "LATE": 6}


@pytest.mark.parametrize("name", ["other content under a known id", "behind what is kept", "an unknown read point"])
async def test_the_fate_of_a_refused_event_says_why_and_how_to_mend_it(floor: Floor, name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    asked = json.loads(case.value or b"")
    answer = await floor.request("GET", f"/v1/events/{asked['event_id']}?unit_id={asked['unit_id']}")
    [found] = answer.json()["events"]
    reasons = [record["reason"] for record in found["records"] if record["offset"] == floor.at[name][1]]
    assert reasons == [case.reason]
    assert found["sentence"]["zh"]


def errors_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """What is wrong with a plant file, by line and key."""
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
    errors: list[dict[str, Any]] = answer.json()["errors"]
    return errors


@pytest.mark.parametrize(
    ("wrong", "right", "line", "key", "says"),
    [
        ("operation: A, action: arrive", "operation: Z, action: arrive", 12, "operation", "Z"),
        ("max_clock_ahead: 5m", "max_clock_ahead: soon", 1, "max_clock_ahead", "soon"),
        ("time_zone: Asia/Shanghai", "time_zone: Asia/Atlantis", 2, "time_zone", "Atlantis"),
        ("history_events: 4", "history_evnets: 4", 1, "history_evnets", "history_events"),
        ("    work_centers:", "    work_centres:", 7, "work_centres", "work_centers"),
    ],
)
async def test_a_bad_plant_file_is_answered_with_line_key_and_what_is_expected(
    floor: Floor, wrong: str, right: str, line: int, key: str, says: str
) -> None:
    errors = errors_of(await floor.request("PUT", "/v1/plant", PLANT.replace(wrong, right).encode()))
    assert any(error["line"] == line and key in error["key"] and says in error["message"] for error in errors), errors


async def test_a_plant_file_that_is_no_yaml_names_the_line_in_chinese_too(floor: Floor) -> None:
    answer = await floor.request(
        "PUT", "/v1/plant", PLANT.replace("[{id: A}", "[{id: A").encode(), **{"Accept-Language": "zh"}
    )
    errors = errors_of(answer)
    assert errors[0]["line"] in (10, 11)
    assert any("\u4e00" <= character <= "\u9fff" for character in errors[0]["message"])


async def test_after_the_cure_the_refused_are_replayed_and_taken_in(floor: Floor) -> None:
    answer = await floor.request("PUT", "/v1/plant", CURED.encode())
    assert (answer.status_code, answer.json()["version"]) == (200, 2), answer.text
    floor.floorstream("rejects", "replay")
    floor.floorstream("drain")
    query = (
        "SELECT operation_id, extract(epoch FROM arrived)::bigint AS s FROM visits WHERE unit_id = $1 AND NOT deleted"
    )
    visits = {unit: [tuple(row) for row in await ask(floor.database, query, unit)] for unit in ("CURED", "NAIVE")}
    assert visits == {"CURED": [("B", 1_795_136_400)], "NAIVE": [("A", 1_795_140_000)]}


async def test_a_declared_source_may_send_its_local_times(floor: Floor) -> None:
    sent = json.dumps(event(event_id="local", unit_id="LOCAL", event_time="2026-11-20 10:00:00")).encode()
    answer = await floor.request("POST", "/v1/scans", sent, **{"X-Source": "mes"})
    assert answer.status_code == 202, answer.text
    floor.floorstream("drain")
    rows = await ask(floor.database, "SELECT arrived FROM visits WHERE unit_id = 'LOCAL'")
    assert [row["arrived"].isoformat() for row in rows] == ["2026-11-20T02:00:00+00:00"]


async def test_the_fate_of_a_cured_event_tells_both_the_refusal_and_the_acceptance(floor: Floor) -> None:
    [found] = (await floor.request("GET", "/v1/events/new?unit_id=CURED")).json()["events"]
    assert found["fate"] == "accepted"
    assert {record["reason"] or record["fate"] for record in found["records"]} >= {"unknown_read_point", "accepted"}


@pytest.mark.row(25)
async def test_no_row_of_the_bystanders_was_touched(floor: Floor) -> None:
    assert [len(rows) for rows in floor.before] == [2 * BYSTANDERS, BYSTANDERS]
    assert await floor.bystanders() == floor.before


@pytest.mark.row(21, 23, 25)
def test_in_the_end_every_row_is_what_the_log_says(floor: Floor) -> None:
    assert "equal: the rows are what the raw records say" in floor.floorstream("verify")


@pytest.mark.row(21, 23)
def test_no_stage_had_to_start_again(floor: Floor) -> None:
    assert [line for line in floor.running.lines if "starts again" in line] == []
