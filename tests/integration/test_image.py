"""The image is built and docker-compose.yml brought up with podman: every stage, Apache Kafka, TimescaleDB's Apache
edition, Prometheus. Grafana cannot be had without a registry of images and is left out."""

import asyncio
import fcntl
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from services.adapters.clock import SystemClock
from services.core.instant import format_instant
from services.embedded.process import free_port
from services.topology import STAGES
from tests.integration import compose_file, podman
from tests.integration.compose_file import ROOT
from tests.integration.compose_stack import Stack
from tests.integration.podman import CACHE, PREFIX, PYTHON, Podman
from tests.parts import until

pytestmark = pytest.mark.slow

IMAGE = "localhost/floorstream:0.1.0"
NOT_TO_BE_HAD = "grafana"
MOST_MEGABYTES = 140
TIMESTAMP_TYPE = """
import asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers="kafka:9092")
    await admin.start()
    answer = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "floor.scans")])
    print(next(entry[1] for entry in answer[0].resources[0][4] if entry[0] == "message.timestamp.type"))
    await admin.close()
asyncio.run(main())
"""
EXAMPLE = ROOT / "schemas" / "plant_example.yaml"


@pytest.fixture(scope="module")
def engine() -> Iterator[Podman]:
    """podman with all images made; one test run of this machine at a time."""
    reason = podman.missing()
    if reason is not None:
        pytest.skip(reason)
    engine = Podman(CACHE)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        services = compose_file.read({"FLOORSTREAM_IMAGE_PREFIX": PREFIX})["services"]
        wanted = {service["image"] for name, service in services.items() if "build" not in service}
        podman.make_stand_ins(engine, sorted({each for each in wanted if NOT_TO_BE_HAD not in each} | {PYTHON}))
        podman.build_ours(engine, IMAGE)
        yield engine
        engine.run("image", "prune", "--force", "--filter=until=24h")


@dataclass
class Running:
    """The stack, where it listens on this machine, and what opens its doors."""

    stack: Stack
    ports: dict[str, int]
    secrets: dict[str, str]
    token: str = ""

    def address(self, door: str) -> str:
        """http://127.0.0.1:PORT of ingest, board or Prometheus."""
        return f"http://127.0.0.1:{self.ports[door]}"

    async def get(self, door: str, path: str, **options: Any) -> Any:
        """The JSON that is answered there."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            return (await client.get(self.address(door) + path, **options)).json()

    async def write(self, method: str, path: str, content: bytes | None = None, token: str = "", **more: Any) -> int:
        """The status of a request to ingest, with the key unless another token is given."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            url = self.address("INGEST") + path
            return (await client.request(method, url, content=content, headers=headers, **more)).status_code


async def put_example(running: Running) -> bool:
    """Is it in force? 503 says that a part is away for a moment, and to try again."""
    status = await running.write("PUT", "/v1/plant", EXAMPLE.read_bytes())
    assert status in (200, 503)
    return status == 200


@pytest.fixture(scope="module")
def running(engine: Podman, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Everything up and healthy, a key made, the example plant in force."""
    folder = tmp_path_factory.mktemp("secrets")
    secrets = {
        name: f"it's {uuid.uuid4()}"
        for name in ("database_password", "floorstream_reader_password", "grafana_password")
    }
    for name, value in secrets.items():
        (folder / name).write_text(value + "\n")
        (folder / name).chmod(0o644)
    folder.chmod(0o755)
    ports = {door: free_port() for door in ("BOARD", "INGEST", "PROMETHEUS")}
    variables = {f"FLOORSTREAM_{door}_PORT": str(port) for door, port in ports.items()}
    document = compose_file.read({"FLOORSTREAM_IMAGE_PREFIX": PREFIX, **variables})
    for service in document["services"].values():
        service["image"] = service["image"] if "build" not in service else IMAGE
    stack = Stack(engine, f"test{uuid.uuid4().hex[:8]}", document, folder)
    try:
        stack.up(NOT_TO_BE_HAD)
        made = Running(stack, ports, secrets, stack.tool("keys", "new", "gate-1", "--source", "mes").split()[0])
        asyncio.run(until(lambda: put_example(made), "the example plant is taken"))
        yield made
    finally:
        for stage in STAGES:  # shown where a test failed
            print(f"== {stage}\n{stack.logs(stage)}")
        stack.down()


def scan(unit_id: str) -> dict[str, str]:
    now = format_instant(SystemClock().now_us())
    return {"unit_id": unit_id, "read_point_id": "L1-OP10-IN", "event_time": now}


async def test_a_scan_with_a_key_is_on_the_board_and_in_the_database(running: Running) -> None:
    async def wip() -> int:
        shown = (await running.get("BOARD", "/v1/operations"))["operations"]
        return int(next(each["state"]["wip"] for each in shown if each["operation_id"] == "L1.OP10" and each["state"]))

    before, unit = await wip(), f"U-{uuid.uuid4()}"
    assert await running.write("POST", "/v1/scans", json=scan(unit)) == 202

    async def on_the_board() -> bool:
        return await wip() == before + 1

    async def in_the_database() -> bool:
        return (await running.get("BOARD", f"/v1/units/{unit}")).get("unit", {}).get("operation_id") == "L1.OP10"

    await until(on_the_board, "the board counts it")
    await until(in_the_database, "its row is there")


async def test_prometheus_sees_every_stage(running: Running) -> None:
    async def all_up() -> bool:
        found = await running.get("PROMETHEUS", "/api/v1/query", params={"query": "up == 1"})
        return {each["metric"]["job"] for each in found["data"]["result"]} == {f"floorstream-{each}" for each in STAGES}

    await until(all_up, "every stage is scraped")


async def test_prometheus_counts_what_was_posted(running: Running) -> None:
    assert await running.write("POST", "/v1/scans", json=scan("COUNTED")) == 202

    async def counted() -> bool:
        query = {"query": 'sum(floorstream_track_events_total{outcome="accepted"})'}
        found = (await running.get("PROMETHEUS", "/api/v1/query", params=query))["data"]["result"]
        return bool(found) and float(found[0]["value"][1]) >= 1

    await until(counted, "the scan is in track's counter")


async def test_without_a_key_nobody_writes(running: Running) -> None:
    assert await running.write("POST", "/v1/scans", token="gate-1.wrong", json=scan("X")) == 401


async def test_a_revoked_key_is_refused_at_once(running: Running) -> None:
    token = running.stack.tool("keys", "new", "gate-2").split()[0]
    assert await running.write("POST", "/v1/scans?validate=true", token=token, json=scan("X")) == 200
    running.stack.tool("keys", "revoke", "gate-2")
    assert await running.write("POST", "/v1/scans?validate=true", token=token, json=scan("X")) == 401


def test_scans_are_stamped_by_the_broker(running: Running) -> None:
    """LogAppendTime came through to the broker: what a producer says of the time is not believed."""
    described = running.stack.inside("track", "python", "-c", TIMESTAMP_TYPE)[1]
    assert described.split()[-1] == "LogAppendTime"


def test_the_role_of_the_walls_logs_in_with_the_password_of_its_file(running: Running) -> None:
    words = ("env", f"PGPASSWORD={running.secrets['floorstream_reader_password']}", "psql", "-h", "timescaledb", "-At")
    words += ("-U", "floorstream_reader", "-d", "floorstream", "-c", "SELECT count(*) >= 0 FROM kpi.visits")
    assert running.stack.inside("timescaledb", *words)[1].strip() == "t"


def test_no_stage_has_rights(running: Running) -> None:
    for stage in STAGES:
        status = running.stack.inside(stage, "cat", "/proc/1/status")[1]
        fields = dict(line.split(":", 1) for line in status.splitlines())
        assert fields["Uid"].split() == ["10001"] * 4
        assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
        assert fields["NoNewPrivs"].strip() == "1"
        assert running.stack.inside(stage, "touch", "/opt/floorstream/x", check=False)[0] != 0


def test_secrets_are_in_no_environment_and_no_command_line(running: Running, engine: Podman) -> None:
    for name, service in running.stack.services.items():
        if name == NOT_TO_BE_HAD or "profiles" in service:
            continue
        shown = engine.run("inspect", running.stack.container(name)).stdout
        if not compose_file.is_done_once(service) and name != "timescaledb":
            shown += running.stack.inside(name, "cat", "/proc/1/environ", "/proc/1/cmdline")[1]
        assert [secret for secret in running.secrets.values() if secret in shown] == []


async def test_a_stage_that_stands_still_is_not_healthy(running: Running, engine: Podman) -> None:
    async def healthy(wanted: bool) -> bool:
        return await asyncio.to_thread(running.stack.is_healthy, "aggregate") == wanted

    container = running.stack.container("aggregate")
    engine.run("kill", "--signal=STOP", container)
    try:
        await until(lambda: healthy(False), "its health check says no")
    finally:
        engine.run("kill", "--signal=CONT", container)
    await until(lambda: healthy(True), "it gets on again")


def test_a_stage_that_is_asked_to_stop_ends_with_0(running: Running, engine: Podman) -> None:
    container = running.stack.container("alert")
    engine.run("stop", container)
    assert engine.run("inspect", "--format={{.State.ExitCode}}", container).stdout.strip() == "0"


def layers(engine: Podman, image: str) -> list[str]:
    return engine.run("inspect", "--format={{range .RootFS.Layers}}{{.}} {{end}}", image).stdout.split()


def test_built_again_from_nothing_it_is_the_same(engine: Podman) -> None:
    again = "localhost/floorstream:again"
    podman.build_ours(engine, again, "--no-cache")
    assert layers(engine, again) == layers(engine, IMAGE)


def test_it_is_small_and_has_nothing_to_build_with(engine: Podman) -> None:
    ours, base = (int(engine.run("inspect", "--format={{.Size}}", image).stdout) for image in (IMAGE, PYTHON))
    assert ours - base < MOST_MEGABYTES * 1_000_000
    modules = "import importlib.util as u; print([m for m in ('pip', 'setuptools', 'wheel') if u.find_spec(m)])"
    run = ("run", "--rm", "--network=none", "--no-healthcheck", "--entrypoint=/opt/floorstream/.venv/bin/python")
    assert engine.run(*run, IMAGE, "-c", modules).stdout.strip() == "[]"
