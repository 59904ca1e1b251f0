"""ingest killed again and again while senders repeat what got no answer: what was answered is in the log, and once."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.plant import load_plant
from services import topology
from services.adapters.topics import create_topics
from services.adapters.wire import decode_event
from services.core.equipment import PlantModel
from services.core.log import LogFold
from services.embedded.process import free_port
from services.settings import KafkaSettings
from tests.faults.ingest_process import IngestProcesses
from tests.faults.scans import PARTITIONS, PLANT, consuming, events
from tests.parts import OPERATION_PARTITIONS, until

KEPT = PLANT.replace("history_events: 8", "history_events: 64")
KILLS = 4
SENDERS = 4
AT_ONCE = 5
UNITS = 60


@pytest.fixture
def doors(fresh_broker: str, broker_choice: str, tmp_path: Path) -> Iterator[IngestProcesses]:
    profile = "embedded" if broker_choice == "embedded" else "kafka"
    processes = IngestProcesses(fresh_broker, profile, free_port(), tmp_path / "ingest.log")
    yield processes
    processes.end()


@pytest.fixture
async def client(doors: IngestProcesses, fresh_broker: str, broker_choice: str) -> AsyncIterator[httpx.AsyncClient]:
    """Of a door behind which the plant model is in force."""
    await create_topics(
        KafkaSettings(fresh_broker, broker_choice == "embedded", 1, PARTITIONS, OPERATION_PARTITIONS, 6)
    )
    async with httpx.AsyncClient(base_url=doors.address, trust_env=False, timeout=60) as client:
        yield client


async def opened(doors: IngestProcesses, client: httpx.AsyncClient, **environment: str) -> None:
    """A new process takes the plant model."""
    doors.start_again(**environment)

    async def plant_is_taken() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return (await client.put("/v1/plant", content=KEPT.encode())).status_code in (200, 201, 202)
        return False

    await until(plant_is_taken, "ingest takes a plant model")


async def send(client: httpx.AsyncClient, batches: list[list[dict[str, Any]]], answered: set[str]) -> None:
    """As a gateway should: the same bytes again until there is an answer."""
    for batch in batches:
        body = json.dumps(batch).encode()
        while True:
            try:
                answer = await client.post("/v1/scans", content=body)
            except httpx.TransportError:
                await asyncio.sleep(0.02)  # as a gateway waits before it tries again
                continue
            if answer.status_code == 202:
                answered |= {each["event_id"] for each in answer.json()["results"] if each["status"] == "accepted"}
                break
            assert answer.status_code == 503, answer.text


async def killed_again_and_again(
    seed: int, broker: str, doors: IngestProcesses, client: httpx.AsyncClient, **environment: str
) -> None:
    rng, answered = random.Random(seed), set[str]()
    sent = [event for event in events(seed, UNITS) if event["event_time"] != "yesterday"]
    batches = [sent[at : at + AT_ONCE] for at in range(0, len(sent), AT_ONCE)]
    await opened(doors, client, **environment)
    share = len(batches) // KILLS
    for kill in range(KILLS + 1):
        part = batches[kill * share : (kill + 1) * share] if kill < KILLS else batches[KILLS * share :]
        senders = [asyncio.create_task(send(client, part[n::SENDERS], answered)) for n in range(SENDERS)]
        if kill < KILLS:
            some = len(answered) + rng.randint(1, 60)
            await until(lambda some=some: reached(answered, some), "some are answered")
            doors.start_again(**environment)
        await asyncio.gather(*senders)
    log = await scans_in(broker)
    lost = answered - {str(event["event_id"]) for event in log}
    assert not lost, f"answered and not in the log: {len(lost)} of {len(answered)}"
    assert answered == {str(event["event_id"]) for event in sent}
    assert len(log) > len(answered), "nothing was sent twice: no kill fell between the log and the answer"
    assert visits(log) == visits(sent)


async def reached(answered: set[str], some: int) -> bool:
    return len(answered) >= some


async def scans_in(broker: str) -> list[dict[str, Any]]:
    """All scans of the log, partition by partition."""
    found: list[dict[str, Any]] = []
    async with consuming(broker, topology.SCANS.name, PARTITIONS) as consumer:
        while batches := (await consumer.getmany(timeout_ms=1500)).values():
            records = [record for records in batches for record in records]
            found += [json.loads(r.value) for r in records if r.key != topology.MARKER_KEY]
    return found


def visits(scans: list[dict[str, Any]]) -> dict[str, Any]:
    """What a fold makes of them, unit by unit."""
    fold = LogFold({1: PlantModel.from_document(load_plant(KEPT), 1)})
    fold.marker(1)
    for scan in scans:
        fold.take(decode_event(json.dumps(scan).encode()), "gate", 1_795_600_000_000_000)
    return dict(fold.visits)


@pytest.mark.row(1)
@pytest.mark.real_broker
@pytest.mark.parametrize("seed", [1])
async def test_killed_while_senders_repeat(
    seed: int, fresh_broker: str, doors: IngestProcesses, client: httpx.AsyncClient
) -> None:
    await killed_again_and_again(seed, fresh_broker, doors, client)


@pytest.mark.slow
@pytest.mark.row(1)
@pytest.mark.red("answers that wait for the broker")
async def test_red_where_the_answer_does_not_wait(
    fresh_broker: str, doors: IngestProcesses, client: httpx.AsyncClient
) -> None:
    with pytest.raises(AssertionError, match="answered and not in the log"):
        await killed_again_and_again(1, fresh_broker, doors, client, WITHOUT="acknowledgements")
