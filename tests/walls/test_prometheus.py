"""Every PromQL panel and rule, asked of a Prometheus that scrapes the real stages of a running demo."""

import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from services.adapters.clock import SystemClock
from services.core.instant import format_instant
from services.embedded.process import free_port
from tests.integration.up_process import Running
from tests.parts import until
from tests.walls.test_alert_rules import FOLDER, RULES
from tests.walls.test_dashboards import BOARDS, panels

pytestmark = pytest.mark.slow
PANELS = {panel["title"]: panel for panel in panels(BOARDS["system"])}
TARGETS = {
    f"{title} {target['refId']}": target["expr"] for title, panel in PANELS.items() for target in panel["targets"]
}
SILENT = ("通知 Notifications", "通知用时 Time to tell")
"""The demo has no channels, so nobody is told: these are asked, and may have nothing to say."""
CHOSEN = {"$job": ".+", "$instance": ".+", "$__rate_interval": "10s"}
"""What Grafana puts in: all jobs and instances, and four times the time between scrapes at least."""


@dataclass
class Watched:
    """A running demo and the Prometheus that watches it."""

    demo: Running
    prometheus: str
    jobs: set[str]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """All stages, scraped every second under the job names that the rules expect."""
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus here")
    home = tmp_path_factory.mktemp("watched")
    with Running(home, "demo", "--port", str(free_port()), "--backfill", "5m") as demo:
        pile_up(demo)
        stages = json.loads((demo.data_dir / "metrics.json").read_text("utf-8"))
        jobs = {f"floorstream-{stage}": httpx.URL(address) for stage, address in stages.items()}
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(FOLDER / "rules" / "floorstream.yml")],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [address.netloc.decode()]}]}
                for job, address in jobs.items()
            ],
        }
        (home / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        listen = f"127.0.0.1:{free_port()}"
        with (home / "prometheus.txt").open("wb") as output, start_prometheus(home, listen, output) as server:
            try:
                yield Watched(demo, f"http://{listen}", set(jobs))
            finally:
                server.terminate()


def pile_up(demo: Running) -> None:
    """More units at an operation than its limit allows: an alert rings after its on-delay."""
    now = format_instant(SystemClock().now_us())
    scans = [{"unit_id": f"PILE-{n}", "read_point_id": "REPAIR-IN", "event_time": now} for n in range(40)]
    with httpx.Client(base_url=demo.address, trust_env=False, timeout=60) as client:
        assert client.post("/v1/scans", json=scans).status_code == 202


def start_prometheus(home: Path, listen: str, output: Any) -> subprocess.Popen[bytes]:
    """Debian's Prometheus with its data below `home`."""
    words = (
        f"--config.file={home}/prometheus.yml",
        f"--storage.tsdb.path={home}/tsdb",
        f"--web.listen-address={listen}",
    )
    return subprocess.Popen(["prometheus", *words], stdout=output, stderr=subprocess.STDOUT)


@pytest.fixture
async def ask(watched: Watched) -> AsyncIterator[httpx.AsyncClient]:
    """A client of Prometheus, once it answers."""
    async with httpx.AsyncClient(base_url=watched.prometheus, trust_env=False, timeout=60) as client:

        async def ready() -> bool:
            try:
                return (await client.get("/-/ready")).status_code == 200
            except httpx.TransportError:
                return False

        await until(ready, "Prometheus is ready")
        yield client


async def curves(ask: httpx.AsyncClient, expression: str) -> list[dict[str, Any]]:
    """The series of the last minute, as a panel gets them."""
    for name, value in CHOSEN.items():
        expression = expression.replace(name, value)
    now = SystemClock().now_us() / 1e6
    asked = {"query": expression, "start": str(now - 60), "end": str(now), "step": "1"}
    answer = await ask.post("/api/v1/query_range", data=asked)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"]["result"])


async def refuse_something(watched: Watched) -> None:
    """A scan that ingest refuses, and one that only track can: an event_id of the unit's with other content."""
    now = SystemClock().now_us()
    async with httpx.AsyncClient(base_url=watched.demo.address, trust_env=False, timeout=60) as client:
        await client.post("/v1/scans", content=b'{"unit_id": "X"}')
        scan = {"unit_id": f"TWO-{now}", "read_point_id": "L1.PRINT-IN", "event_time": "2025-11-03T00:00:00Z"}
        for id_, quantity in (("a", "1"), ("a", "2")):
            await client.post("/v1/scans", json={**scan, "event_id": id_, "quantity": quantity})


@pytest.mark.parametrize("name", TARGETS)
async def test_a_panel_gets_numbers(watched: Watched, ask: httpx.AsyncClient, name: str) -> None:
    expression = TARGETS[name]
    if name.startswith(SILENT):
        await curves(ask, expression)
        return

    async def there() -> bool:
        await refuse_something(watched)
        found = await curves(ask, expression)
        return any(float(value) == float(value) for series in found for _, value in series["values"])

    await until(there, "the panel has a number", 90)


async def test_every_stage_is_scraped_and_up(watched: Watched, ask: httpx.AsyncClient) -> None:
    async def all_up() -> bool:
        answer = (await ask.get("/api/v1/query", params={"query": "up == 1"})).json()["data"]["result"]
        return {one["metric"]["job"] for one in answer} == watched.jobs

    await until(all_up, "every stage is scraped")


async def test_variables_offer_the_jobs(watched: Watched, ask: httpx.AsyncClient) -> None:
    values = (await ask.get("/api/v1/label/job/values", params={"match[]": "up"})).json()["data"]
    assert set(values) == watched.jobs


async def test_no_rule_rings_while_everything_works(watched: Watched, ask: httpx.AsyncClient) -> None:
    async def evaluated() -> bool:
        groups = (await ask.get("/api/v1/rules")).json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return len(rules) == len(RULES) and all(rule["health"] == "ok" for rule in rules)

    await until(evaluated, "every rule has been evaluated")
    alerts = (await ask.get("/api/v1/alerts")).json()["data"]["alerts"]
    rings = {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}
    assert rings <= {"FloorstreamRejectsRise"}  # we sent scans to be refused
