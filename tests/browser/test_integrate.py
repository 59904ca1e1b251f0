"""The page for integrators on a running demonstration: what it and the README say to type is typed as it stands."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from services.embedded.process import free_port
from tests.browser.chromium import Page, browser, executable
from tests.integration.up_process import Running
from tests.parts import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None, reason="no Chromium (Debian: apt-get install chromium)"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl (Debian: apt-get install curl)"),
]
README = Path(__file__).parents[2] / "README.md"
EXAMPLES = "[...document.querySelectorAll('#ways pre')].map((one) => one.textContent)"
READY = "document.querySelector('#ways pre') && document.querySelector('#rejects p')"
VERDICTS = "[...document.querySelectorAll('#verdict p')].map((one) => one.textContent)"
SECONDS = 60.0


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running demonstration without history."""
    words = ("demo", "--backfill", "0s", "--port", str(free_port()))
    with Running(tmp_path_factory.mktemp("demo"), *words) as running:
        yield running


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    """A page that must not complain, but for an event asked for before it is stored."""
    async with browser(tmp_path / "profile") as opened:
        yield opened
        assert [said for said in opened.complaints if "/v1/events/" not in said] == []


def typed(text: str, broker: str = "") -> str:
    """What a block says when it is run as it stands; curl does not tell a refusal by its exit code."""
    program = [sys.executable, "-c", text] if text.startswith("import ") else ["bash", "-e", "-c", text]
    known = {**os.environ, "FLOORSTREAM_KAFKA": broker}
    done = subprocess.run(program, env=known, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def accepted(demo: Running, said: str) -> int:
    """Wait until every event that an answer names is in its unit's history, if only as a repeat; how many there are."""
    events = re.findall(r'"event_id": ?"([^"]+)"', said)

    async def told() -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            answers = [await client.get(f"{demo.address}/v1/events/{event_id}") for event_id in events]
        fates = [each["fate"] for answer in answers if answer.status_code == 200 for each in answer.json()["events"]]
        return len(fates) == len(events) and set(fates) <= {"accepted", "repeat"}

    await until(told, f"{events} are accepted", SECONDS)
    return len(events)


async def test_every_example_of_the_page_is_taken_as_it_stands(page: Page, demo: Running) -> None:
    await page.go(f"{demo.address}/integrate?lang=en")
    await page.until(READY, SECONDS)
    examples = [text for text in await page.ask(EXAMPLES) if "kcat" not in text]
    assert len(examples) == 7
    broker = json.loads((demo.data_dir / "instance.json").read_text("utf-8"))["broker"]
    said = [typed(text, broker) for text in examples]
    over_http = [text for text, example in zip(said, examples, strict=True) if "aiokafka" not in example]
    assert [text for text in over_http if not re.search(r"^(HTTP/1.1 )?20[02] ", text)] == []
    assert [await accepted(demo, text) for text in said[:4]] == [1, 2, 1, 1]


async def test_a_scan_is_checked_sent_and_followed(page: Page, demo: Running) -> None:
    await page.go(f"{demo.address}/integrate?lang=en")
    await page.until(READY, SECONDS)
    await page.ask("document.querySelector('#unit').value = 'TRIED-1'")
    assert await page.ask("document.querySelector('#send').disabled")
    await page.ask("document.querySelector('#check').click()")
    await page.until("!document.querySelector('#send').disabled", SECONDS)
    assert (await page.ask(VERDICTS))[0] == "200 accepted"
    await page.ask("document.querySelector('#send').click()")
    await page.until(f"{VERDICTS}.length === 2 && {VERDICTS}[0].startsWith('202')", SECONDS)
    assert "opens visit 1" in (await page.ask(VERDICTS))[1]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [360, 1366])
async def test_it_fits_on_a_phone_and_a_desk(page: Page, demo: Running, language: str, width: int) -> None:
    await page.size(width, 800, phone=width == 360)
    await page.go(f"{demo.address}/integrate?lang={language}")
    await page.until(READY, SECONDS)
    assert await page.ask("document.documentElement.scrollWidth") == width
    assert await page.ask("[...document.querySelectorAll('[data-word]')].every((one) => /\\S/.test(one.textContent))")


async def test_the_readme_is_true_line_by_line(demo: Running) -> None:
    section = README.read_text("utf-8").split("## Push your first scan\n")[1].split("\n## ")[0]
    blocks: list[str] = re.findall(r"^```\w+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    plain = [text for text in blocks if "kcat" not in text and "schemas/" not in text]
    assert len(plain) == 2
    for text in plain:
        said = typed(text.replace("http://127.0.0.1:8080", demo.address))
        assert "202" in said
        assert await accepted(demo, said) >= 1
