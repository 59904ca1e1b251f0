"""From a pile-up to an acknowledgement by thumb: real broker, real alert stage, real show, real Chromium over http."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from services.adapters import alert_links
from services.adapters.alert_links import load_key, make_key
from services.adapters.api_keys import new_key
from services.adapters.clock import SystemClock
from services.embedded.process import free_port
from tests.browser.chromium import browser, executable
from tests.browser.test_andon import CARDS, HOST, inside
from tests.integration.alert_process import AlertProcesses, Floor, Told
from tests.parts import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None, reason="no Chromium (Debian: apt-get install chromium)"),
]
ROOT = Path(__file__).parents[2]
PLANT = """
site: {id: S, name: {en: Shanghai, zh: 上海}, time_zone: Asia/Shanghai}
areas:
  - id: X
    work_centers:
      - id: L
        operations: [{id: A, name: {en: Placement, zh: 贴片}, wip_limit: 10}]
teams:
  - {id: T, name: {en: SMT, zh: 贴片班}, work_centers: [L], members: [{id: li, name: 李明}]}
alerting: {on_delay: 0s, off_delay: 0s}
"""
ALERT = "wip_limit|A"


@contextlib.asynccontextmanager
async def showing(broker: str, directory: Path) -> AsyncIterator[int]:
    """Show as a process that others can reach, so with keys; its port."""
    port = free_port()
    make_key(directory / "link.key")
    _, entry = new_key("k1", "line 1", SystemClock())
    (directory / "keys").write_text(json.dumps({"keys": [entry]}), encoding="utf-8")
    (directory / "keys").chmod(0o600)
    given = {
        "FLOORSTREAM_KAFKA": broker, "FLOORSTREAM_PROFILE": "embedded", "FLOORSTREAM_PORT": str(port),
        "FLOORSTREAM_LINK_KEY_FILE": str(directory / "link.key"), "FLOORSTREAM_KEYS_FILE": str(directory / "keys"),
    }  # fmt: skip
    child = started(directory / "show.log", {**os.environ, **given})
    try:
        yield port
    finally:
        child.kill()
        child.wait()


def started(log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """The process; what it says goes into the log."""
    command = [sys.executable, "-m", "services.show"]
    with log.open("wb") as said:
        return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=said, stderr=said)


@contextlib.asynccontextmanager
async def piled_up(broker: str) -> AsyncIterator[Floor]:
    """A floor with twelve units where ten may be, whose aggregate is alive."""
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all")
    await producer.start()
    floor = Floor(producer)
    await floor.plant(PLANT)
    floor.keep_beating()
    try:
        yield floor
    finally:
        await floor.stop()
        await producer.stop()


async def test_a_pile_up_is_taken_by_thumb_from_the_link_in_a_message(fresh_broker: str, tmp_path: Path) -> None:
    stages, told = AlertProcesses(fresh_broker, "embedded", tmp_path), Told(fresh_broker)
    await told.start()
    try:
        async with piled_up(fresh_broker) as floor, showing(fresh_broker, tmp_path) as port:
            await stages.takes_work(stages.start())
            await floor.state("A", wip=12)
            await told.shows(ALERT, ["raised"])
            url = f"http://{HOST}:{port}"
            await until(lambda: listed(port), "show has the alert")
            now = SystemClock().now_us()
            token = alert_links.new(load_key(tmp_path / "link.key"), ALERT, 1, "robot|li", now)
            async with browser(tmp_path / "profile", f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as page:
                await page.size(360, 740, phone=True)
                await page.call("Emulation.setTouchEmulationEnabled", enabled=True)
                await page.speak("zh-CN")
                await page.go(f"{url}/andon?t={token}")
                await page.until(f"{CARDS} === 1")
                assert await page.ask("isSecureContext") is False
                assert (await page.ask(f"{inside(ALERT, '.much')}.textContent")).startswith("12 个，限值 10")
                await page.tap(inside(ALERT, ".take"))
                await page.until(f"{inside(ALERT, '.state.taken')}?.textContent.includes('李明')")
                await told.shows(ALERT, ["raised", "acknowledged"])
                assert page.complaints == []
        newest = told.versions[ALERT][max(told.versions[ALERT])]
        assert (newest["state"], newest["acknowledged_by"]) == ("active_acknowledged", "li")
        said = (tmp_path / "show.log").read_text(encoding="utf-8")
        assert token not in said
        assert token[:24] not in said
    finally:
        await told.stop()
        stages.end()


async def listed(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            answer = await client.get(f"http://127.0.0.1:{port}/v1/alerts")
        return [alert["alert_id"] for alert in answer.json()["alerts"]] == [ALERT]
    return False
