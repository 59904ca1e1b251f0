"""Producers of the page for integrators and of the README, typed as they stand, on Apache Kafka; and how soon a scan
that curl posts is at its operation."""

import json
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from services.embedded.apache_kafka import ApacheKafka
from services.embedded.errors import EmbeddedError
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
MAVEN_SECONDS = 600.0
FIRST_UNIT = "MY-1"
TRIES = 5
SOON_SECONDS = 10.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Everything for the example's plant, on Apache Kafka, as the README says to start it."""
    try:
        ApacheKafka().install()
    except EmbeddedError as error:
        pytest.skip(f"no Apache Kafka here: {error}")
    words = ("up", "--broker", "apache", "--port", str(free_port()))
    with Running(tmp_path_factory.mktemp("up"), *words) as running:
        yield running


@pytest.fixture
async def page(tmp_path: Path, stack: Running) -> AsyncIterator[Page]:
    """The page, filled with that plant."""
    async with browser(tmp_path / "profile") as opened:
        await opened.go(f"{stack.address}/integrate?lang=en")
        await opened.until(READY, SECONDS)
        yield opened
        assert opened.complaints == []


async def example(page: Page, holds: Callable[[str], bool]) -> str:
    """The one example of which this is true."""
    (found,) = [text for text in await page.ask(EXAMPLES) if holds(text)]
    return str(found)


def broker(stack: Running) -> str:
    """Where its Kafka is."""
    return str(json.loads((stack.data_dir / "instance.json").read_text("utf-8"))["broker"])


async def visits(stack: Running, unit: str) -> list[dict[str, object]]:
    """The unit's visits, once it has some."""
    found: list[dict[str, object]] = []

    async def some() -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            answer = await client.get(f"{stack.address}/v1/units/{unit}")
        found[:] = answer.json()["visits"] if answer.status_code == 200 else []
        return bool(found)

    await until(some, f"{unit} has a visit", SECONDS)
    return found


@pytest.mark.skipif(shutil.which("kcat") is None, reason="no kcat (Debian: apt-get install kcat)")
async def test_the_kcat_example_of_the_page_is_taken_as_it_stands(page: Page, stack: Running) -> None:
    typed(await example(page, lambda text: "kcat" in text), broker=broker(stack))
    assert len(await visits(stack, "MY-4")) == 1


@pytest.mark.skipif(shutil.which("javac") is None, reason="no javac (Debian: apt-get install default-jdk-headless)")
async def test_the_java_example_of_the_page_is_taken_as_it_stands(page: Page, stack: Running, tmp_path: Path) -> None:
    said = typed(
        await example(page, lambda text: "mvn" in text), broker=broker(stack), where=tmp_path, seconds=MAVEN_SECONDS
    )
    assert len(named(said)) == 1
    await accepted(stack.address, *named(said))
    assert len(await visits(stack, "MY-6")) == 1


@pytest.mark.skipif(shutil.which("kcat") is None, reason="no kcat (Debian: apt-get install kcat)")
async def test_what_the_readme_says_of_kcat_is_true(stack: Running) -> None:
    (block,) = [text for text in blocks("Push your first scan") if "kcat" in text]
    typed(block.replace("http://127.0.0.1:8090", stack.address).replace("/tmp/my-kafka", str(stack.data_dir)))
    (visit,) = await visits(stack, "MY-3")
    assert visit["operation_id"] == "L1.OP10"


async def test_what_the_readme_says_of_aiokafka_is_true(stack: Running, tmp_path: Path) -> None:
    (block,) = [text for text in blocks("Straight to Kafka") if "aiokafka" in text]
    typed(f"import sys\nsys.argv = ['push.py', {broker(stack)!r}]\n{block}", where=tmp_path)
    (visit,) = await visits(stack, "MY-5")
    assert visit["operation_id"] == "L1.OP10"


async def test_a_scan_posted_by_curl_is_soon_at_its_operation(
    page: Page, stack: Running, record_property: Callable[[str, object], None]
) -> None:
    """From before curl is started until /v1/operations names the unit."""
    curl = await example(page, lambda text: text.startswith("curl") and "/v1/scans" in text and "ndjson" not in text)
    took = []
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        for number in range(TRIES):
            unit = f"SOON-{number}"
            began = time.monotonic()
            assert "202" in typed(curl.replace(FIRST_UNIT, unit))
            while unit not in (await client.get(f"{stack.address}/v1/operations")).text:
                assert time.monotonic() < began + SECONDS, f"{unit} is not on the board"
            took.append(round(time.monotonic() - began, 3))
    record_property("seconds_from_curl_to_operation", took)
    print(f"from curl to operation: {took} s")
    assert sorted(took)[TRIES // 2] < SOON_SECONDS
