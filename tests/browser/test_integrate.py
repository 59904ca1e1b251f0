"""The page for integrators on a running demonstration: what it and the README say to type is typed as it stands."""

import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.adapters.clock import SystemClock
from services.core.instant import format_instant
from services.embedded.process import free_port
from tests.browser.chromium import Page, browser, executable
from tests.browser.typed import EXAMPLES, READY, SECONDS, accepted, blocks, named, typed
from tests.integration.up_process import Running
from tests.parts import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None, reason="no Chromium (Debian: apt-get install chromium)"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl (Debian: apt-get install curl)"),
]
VERDICTS = "[...document.querySelectorAll('#verdict p')].map((one) => one.textContent)"
FIRST_ANSWERS = """(() => {
  const [asked, answer] = [window.fetch, { events: [{ fate: "UNDECIDED", sentence: { en: "in a moment" } }] }];
  let times = 0;
  window.fetch = async (address, ...how) => {
    const early = String(address).startsWith("/v1/events/") && (times += 1) < 3;
    return early ? new Response(JSON.stringify(answer)) : asked(address, ...how);
  };
})()"""
"""Of a track that takes its time."""


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


async def test_every_example_of_the_page_is_taken_as_it_stands(page: Page, demo: Running) -> None:
    await page.go(f"{demo.address}/integrate?lang=en")
    await page.until(READY, SECONDS)
    elsewhere = ("kcat", "mvn", "floorstream ")
    examples = [text for text in await page.ask(EXAMPLES) if not any(word in text for word in elsewhere)]
    assert len(examples) == 8
    broker = json.loads((demo.data_dir / "instance.json").read_text("utf-8"))["broker"]
    said = [typed(text, broker=broker) for text in examples]
    over_http = [text for text, example in zip(said, examples, strict=True) if "aiokafka" not in example]
    assert [text for text in over_http if not re.search(r"^(HTTP/1.1 )?20[02] ", text)] == []
    events = [named(text) for text in said[:4]]
    assert [len(each) for each in events] == [1, 2, 1, 1]
    await accepted(demo.address, *(event for each in events for event in each))


async def test_a_file_is_replayed_and_an_edge_file_is_right_as_they_stand(
    page: Page, demo: Running, tmp_path: Path
) -> None:
    await page.go(f"{demo.address}/integrate?lang=en")
    await page.until(READY, SECONDS)
    replayed, edge = [text for text in await page.ask(EXAMPLES) if "floorstream " in text]
    assert "1 lines read, 1 accepted, 0 refused" in typed(replayed, where=tmp_path, home=demo.home)
    checked, _, begun = edge.rpartition("\n")
    assert begun == "floorstream edge --config edge.yaml"
    assert "edge.yaml" in typed(checked, where=tmp_path, home=demo.home)


@pytest.mark.parametrize("undecided", [None, "pending", "forwarded"])
async def test_a_scan_is_checked_sent_and_followed(page: Page, demo: Running, undecided: str | None) -> None:
    await page.go(f"{demo.address}/integrate?lang=en")
    await page.until(READY, SECONDS)
    if undecided:
        await page.ask(FIRST_ANSWERS.replace("UNDECIDED", undecided))
    await page.ask(f"document.querySelector('#unit').value = 'TRIED-{undecided}'")
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
    plain = [text for text in blocks("Push your first scan") if "kcat" not in text and "schemas/" not in text]
    assert len(plain) == 2
    for text in plain:
        said = typed(text.replace("http://127.0.0.1:8080", demo.address))
        assert "202" in said
        assert named(said)
        await accepted(demo.address, *named(said))


@pytest.mark.parametrize(
    ("sent", "wrong", "right"),
    [
        ({"event_id": "mend-1", "unit_id": "MENDED-1", "read_point_id": "NOWHERE"}, "NOWHERE", "L1.PRINT-IN"),
        ({"unit_id": "MENDED-2", "read_point_id": "L1.PRINT-IN", "quantity": -3}, "-3", "3"),
    ],
    ids=["with an id of its own", "without one"],
)
async def test_a_refused_scan_is_mended_and_sent_again(
    page: Page, demo: Running, sent: dict[str, object], wrong: str, right: str
) -> None:
    async with httpx.AsyncClient(base_url=demo.address, trust_env=False, timeout=60) as client:
        body = {**sent, "event_time": format_instant(SystemClock().now_us())}
        assert (await client.post("/v1/scans", json=body)).status_code == 422

        async def refusals() -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = (await client.get("/v1/rejects")).json()["rejects"]
            return [row for row in rows if row["unit_id"] == sent["unit_id"]]

        async def stored() -> bool:
            return bool(await refusals())

        await until(stored, "the refusal is stored", SECONDS)
        (refusal,) = await refusals()
        assert (refusal["mended"], refusal["event_id"]) == (False, sent.get("event_id"))
        await page.go(f"{demo.address}/integrate?lang=en")
        await page.until(READY, SECONDS)
        article = f"document.querySelector('article[data-mend={json.dumps(refusal['mend_id'])}]')"
        await page.ask(f"{article}.querySelector('button').click()")
        await page.ask(
            f"(() => {{ const text = {article}.querySelector('textarea'); "
            f"text.value = text.value.replace({json.dumps(wrong)}, {json.dumps(right)}); "
            "text.dispatchEvent(new Event('input')); })()"
        )
        check, send = (f"{article}.querySelectorAll('.buttons button')[{number}]" for number in (0, 1))
        assert await page.ask(f"{send}.disabled")
        await page.ask(f"{check}.click()")
        await page.until(f"!{send}.disabled", SECONDS)
        await page.ask(f"{send}.click()")
        await page.until(f"{article}.querySelector('.verdict a')", SECONDS)
        await accepted(demo.address, refusal["mend_id"])
        await page.until(f"{article}.querySelector('.verdict').textContent.includes('opens visit 1')", SECONDS)
        (after,) = await refusals()
        assert (after["mend_id"], after["mended"], after["value"]) == (refusal["mend_id"], True, refusal["value"])
        await page.go(f"{demo.address}/integrate?lang=en")
        await page.until(READY, SECONDS)
        link = await page.ask(f"{article}.querySelector('.mended a').getAttribute('href')")
        (told,) = (await client.get(link)).json()["events"]
        assert (told["unit_id"], told["fate"]) == (sent["unit_id"], "accepted")
