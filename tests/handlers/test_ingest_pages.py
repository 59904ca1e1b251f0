"""Which pages may send from a browser: those of the one address that is set, with a key, and no other."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.adapters.api_keys import KeyFile, new_key
from tests.handlers.test_ingest_keys import CLOCK, write
from tests.ingest_floor import PLANT, Floor, event, memory_floor

BOARD = "http://127.0.0.1:8090"
ALLOWED = "access-control-allow-origin"


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Floor]:
    """An ingest that lets the board's pages send; its client has a key."""
    token, entry = new_key("k1", "desk", CLOCK)
    write(tmp_path / "keys", entry)
    async with memory_floor(keys=KeyFile(tmp_path / "keys"), plant=None, public_url=f"{BOARD}/andon") as floor:
        floor.client.headers["Authorization"] = f"Bearer {token}"
        (await floor.client.put("/v1/plant", content=PLANT.encode())).raise_for_status()
        yield floor


async def preflight(client: httpx.AsyncClient, origin: str) -> httpx.Response:
    """What a browser asks before it lets a page send JSON with a key."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return await client.options("/v1/scans", headers=headers)


async def test_the_page_of_the_public_address_may_send_and_reads_every_answer(floor: Floor) -> None:
    asked = await preflight(floor.client, BOARD)
    assert (asked.status_code, asked.headers[ALLOWED]) == (200, BOARD)
    sent = await floor.post(event(), headers={"Origin": BOARD})
    assert (sent.status_code, sent.headers[ALLOWED]) == (202, BOARD)
    refused = await floor.post(event(unit_id=None), headers={"Origin": BOARD})
    assert (refused.status_code, refused.headers[ALLOWED]) == (422, BOARD)


async def test_it_needs_a_key_as_everybody_does(floor: Floor) -> None:
    floor.client.headers["Authorization"] = "Bearer k1.wrong"
    assert (await floor.post(event(), headers={"Origin": BOARD})).status_code == 401


async def test_no_other_page_may(floor: Floor) -> None:
    asked = await preflight(floor.client, "http://evil.example")
    assert asked.status_code == 400
    assert ALLOWED not in asked.headers


async def test_without_a_public_address_none_may() -> None:
    async with memory_floor() as floor:
        assert ALLOWED not in (await preflight(floor.client, BOARD)).headers


async def test_without_keys_programs_of_this_machine_may_and_pages_of_other_addresses_may_not() -> None:
    async with memory_floor(public_url=BOARD) as floor:
        assert (await floor.post(event(), headers={"Origin": BOARD})).status_code == 403
        assert (await floor.post(event())).status_code == 202
