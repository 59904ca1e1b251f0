"""EPCIS capture jobs over HTTP: listed in pages, each source its own."""

import contextlib
import json
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from services.adapters.api_keys import KeyFile, new_key
from services.adapters.capture_jobs import place_of, token_of
from services.core.instant import parse_instant
from tests.fake_log import FixedClock
from tests.handlers.test_ingest_epcis import PLANT, capture, document, event
from tests.ingest_floor import NOW, Floor, memory_floor


async def pages(floor: Floor, address: str, headers: dict[str, str] | None = None) -> list[list[str]]:
    """The ids of the jobs on this page and all that its links lead to."""
    found = []
    while address:
        answer = await floor.client.get(address, headers=headers or {})
        assert answer.status_code == 200, answer.text
        found.append([job["captureID"] for job in answer.json()])
        link = re.fullmatch('<([^>]+)>; rel="next"', answer.headers.get("link", ""))
        assert (link is None) == ("gs1-next-page-token-expires" not in answer.headers)
        address = link[1] if link else ""
    return found


async def test_jobs_are_listed_newest_first_a_page_at_a_time() -> None:
    async with memory_floor(plant=PLANT) as floor:
        sent = []
        for _ in range(5):
            sent.insert(0, (await capture(floor, document(event()))).json()["captureID"])
            floor.clock.us += 1
        assert await pages(floor, "/v1/epcis/capture") == [sent]
        assert await pages(floor, "/v1/epcis/capture?perPage=2") == [sent[:2], sent[2:4], sent[4:]]
        for wrong in ("perPage=0", "perPage=101", "nextPageToken=x", "nextPageToken=MQ", "nextPageToken=%C3%A9"):
            assert (await floor.client.get(f"/v1/epcis/capture?{wrong}")).status_code == 422, wrong


@given(st.integers(0, 10**17 - 1), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_page_token_leads_back_to_its_place(created: int, capture_id: str) -> None:
    assert place_of(token_of((created, capture_id))) == (created, capture_id)


@given(st.text())
def test_any_other_token_is_refused_and_nothing_else(token: str) -> None:
    with contextlib.suppress(ValueError):
        created, capture_id = place_of(token)
        assert "\0" not in capture_id
        assert created >= 0


async def test_with_keys_a_source_sees_its_own_jobs(tmp_path: Path) -> None:
    tokens, entries = zip(*(new_key(name, name, FixedClock(parse_instant(NOW))) for name in ("a", "b")), strict=True)
    (tmp_path / "keys").write_text(json.dumps({"keys": entries}))
    (tmp_path / "keys").chmod(0o600)
    first, second = ({"Authorization": f"Bearer {token}"} for token in tokens)
    async with memory_floor(plant=None, keys=KeyFile(tmp_path / "keys")) as floor:
        (await floor.client.put("/v1/plant", content=PLANT.encode(), headers=first)).raise_for_status()
        sent = (await capture(floor, document(event()), first)).headers["location"]
        assert (await floor.client.get(sent, headers=first)).status_code == 200
        assert (await floor.client.get(sent, headers=second)).status_code == 404
        assert (await floor.client.get("/v1/epcis/capture")).status_code == 401
        assert await pages(floor, "/v1/epcis/capture", second) == [[]]
        assert len((await pages(floor, "/v1/epcis/capture", first))[0]) == 1
