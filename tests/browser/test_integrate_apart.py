"""The page for integrators where ingest has an address of its own, as with one process per stage."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from services.embedded.process import free_port
from tests.browser.chromium import browser, executable
from tests.browser.typed import EXAMPLES, READY, SECONDS
from tests.integration.stage_beside import new_key, stage_beside
from tests.integration.up_process import Running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None, reason="no Chromium (Debian: apt-get install chromium)"),
]
VERDICTS = "[...document.querySelectorAll('#verdict p')].map((one) => one.textContent)"


class Apart(NamedTuple):
    """Addresses of both stages, and a key for them."""

    ingest: str
    show: str
    key: str


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Apart]:
    """A running floor, and beside its front door another ingest and another show."""
    ingest, show = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    keys = tmp_path / "keys.json"
    with Running(tmp_path, "up", "--port", str(free_port())) as up, contextlib.ExitStack() as stack:
        key = new_key(up, keys)
        known = {"FLOORSTREAM_PUBLIC_URL": show, "FLOORSTREAM_INGEST_URL": ingest}
        stack.enter_context(stage_beside(up, "ingest", ingest, keys, **known))
        stack.enter_context(stage_beside(up, "show", show, keys, **known))
        yield Apart(ingest, show, key)


async def test_examples_name_ingest_and_the_form_sends_there(apart: Apart, tmp_path: Path) -> None:
    async with browser(tmp_path / "profile") as page:
        await page.go(f"{apart.show}/integrate?lang=en")
        await page.until(READY, SECONDS)
        over_http = [text for text in await page.ask(EXAMPLES) if "curl" in text or "urllib" in text]
        assert len(over_http) >= 5
        assert [text for text in over_http if apart.ingest not in text or apart.show in text] == []
        assert await page.ask("location.origin") == apart.show
        await page.ask(f"document.querySelector('#key').value = {json.dumps(apart.key)}")
        await page.ask("document.querySelector('#unit').value = 'APART-1'")
        await page.ask("document.querySelector('#check').click()")
        await page.until("!document.querySelector('#send').disabled", SECONDS)
        assert (await page.ask(VERDICTS))[0] == "200 accepted"
        await page.ask("document.querySelector('#send').click()")
        await page.until(f"{VERDICTS}.length === 2 && {VERDICTS}[0].startsWith('202')", SECONDS)
        assert "opens visit 1" in (await page.ask(VERDICTS))[1]
