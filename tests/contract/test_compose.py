"""docker-compose.yml and the image: whole, closed, pinned, and without a secret in them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.topology import STAGES
from tests.integration import compose_file
from tests.integration.compose_file import FILE, ROOT, Service

DOCUMENT = compose_file.read({})
SERVICES: dict[str, Service] = DOCUMENT["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("floorstream:")}
OF_OTHERS = {name: service for name, service in SERVICES.items() if name not in OURS}
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
EVERY = pytest.mark.parametrize("name", SERVICES)
SECRET = re.compile(r"password|secret|token|api_?key", re.IGNORECASE)


def environment(service: Service) -> dict[str, str]:
    return {name: str(value) for name, value in service.get("environment", {}).items()}


def test_every_stage_is_a_service_that_runs_it() -> None:
    assert {stage: OURS[stage]["command"] for stage in STAGES} == {stage: ["run", stage] for stage in STAGES}


@pytest.mark.parametrize("name", OF_OTHERS)
def test_images_of_others_come_from_where_the_prefix_says_with_a_version(name: str) -> None:
    prefixed = compose_file.read({"FLOORSTREAM_IMAGE_PREFIX": "mirror.example/hub"})["services"][name]["image"]
    assert re.fullmatch(r"mirror\.example/hub/[\w/-]+:v?\d+\.\d+\.\d+[\w.-]*", prefixed)


@pytest.mark.parametrize("name", OF_OTHERS)
def test_the_page_that_lists_the_tags_is_named(name: str) -> None:
    repository = SERVICES[name]["image"].removeprefix("docker.io/").split(":")[0]
    assert f"https://hub.docker.com/r/{repository}/tags" in FILE.read_text("utf-8")


def test_the_base_of_our_image_follows_the_prefix_too() -> None:
    build = compose_file.read({"FLOORSTREAM_IMAGE_PREFIX": "mirror.example/hub"})["services"]["track"]["build"]
    assert build["args"]["PYTHON_IMAGE"].startswith("mirror.example/hub/")
    assert build["args"]["PYTHON_IMAGE"].removeprefix("mirror.example/hub/") in DOCKERFILE


def test_image_label_and_tag_are_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert {service["image"] for service in OURS.values()} == {f"floorstream:{version}"}
    assert f'image.version="{version}"' in DOCKERFILE


@EVERY
def test_secrets_are_files(name: str) -> None:
    """Every variable that means a secret names a file below /run/secrets or /private; no address has a password."""
    for variable, value in environment(SERVICES[name]).items():
        if SECRET.search(variable):
            assert re.fullmatch(r"/(run/secrets|private)/[\w.]+", value), variable
        assert not re.search(r"://[^/@]*:[^/@]*@", value), variable
    words = " ".join(map(str, [*SERVICES[name].get("command", ()), *SERVICES[name].get("entrypoint", ())]))
    assert not SECRET.search(words)


@EVERY
def test_the_secrets_a_service_reads_are_given_to_it(name: str) -> None:
    read = {value.removeprefix("/run/secrets/") for value in environment(SERVICES[name]).values() if "/run/s" in value}
    given = set(SERVICES[name].get("secrets", ()))
    assert read <= given
    assert given <= DOCUMENT["secrets"].keys()


def test_grafana_is_given_what_its_provisioning_asks_for() -> None:
    """Variables, the password's file, and the folder of the dashboards."""
    files = list((ROOT / "grafana" / "provisioning").rglob("*.y*ml"))
    asked = "".join(path.read_text("utf-8") for path in files)
    grafana = SERVICES["grafana"]
    assert set(re.findall(r"\$([A-Z]\w+)", asked)) <= environment(grafana).keys()
    assert set(re.findall(r"\$__file\{/run/secrets/(\w+)\}", asked)) <= set(grafana["secrets"])
    folders = {volume.split(":")[1] for volume in grafana["volumes"]}
    assert set(re.findall(r"path: (/\S+)", asked)) <= folders


def test_secret_files_are_never_committed() -> None:
    files = [Path(secret["file"]) for name, secret in DOCUMENT["secrets"].items() if name != "pip"]
    assert {file.parts[0] for file in files} == {"secrets"}
    assert "secrets/" in (ROOT / ".gitignore").read_text("utf-8").split()


@EVERY
def test_memory_and_processor_are_limited(name: str) -> None:
    assert SERVICES[name]["mem_limit"]
    assert 0 < SERVICES[name]["cpus"] <= 2


@EVERY
def test_no_service_has_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only") or name in {"kafka", "timescaledb"}, "their images write beside their volumes"
    assert not service.get("privileged")


@EVERY
def test_what_goes_on_running_has_a_health_check(name: str) -> None:
    service = SERVICES[name]
    once = {"topics", "migrate", "private", "keys"}
    assert compose_file.is_done_once(service) == (name in once)
    assert name in once or service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", sorted(OURS.keys() - {"keys"}))
def test_what_ends_with_70_is_not_started_for_ever(name: str) -> None:
    policy, _, times = SERVICES[name]["restart"].partition(":")
    assert policy == "on-failure"
    assert 0 < int(times) <= 20


@EVERY
def test_what_it_depends_on_is_waited_for(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        once = compose_file.is_done_once(SERVICES[other])
        assert how["condition"] == ("service_completed_successfully" if once else "service_healthy")


def test_services_can_start_in_some_order() -> None:
    assert {name for name, _ in compose_file.in_order(SERVICES)} == SERVICES.keys() - {"keys"}


@EVERY
def test_ports_are_open_to_this_machine_only_unless_said(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert bool(ports) == (name in {"ingest", "show", "grafana", "prometheus"})
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_broker_and_database_are_in_the_inner_network_only() -> None:
    assert DOCUMENT["networks"]["floor"] == {"internal": True}
    outside = {name for name, service in SERVICES.items() if service["networks"] != ["floor"]}
    # notify has to reach the servers of its channels
    assert outside == {name for name, service in SERVICES.items() if service.get("ports")} | {"notify"}


@EVERY
def test_volumes_and_mounted_files_exist(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        source = volume.split(":")[0]
        if source.startswith("./"):
            assert (ROOT / source).is_dir(), source
        else:
            assert source in DOCUMENT["volumes"]


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one_that_is_read(name: str) -> None:
    read = "".join(path.read_text("utf-8") for path in (ROOT / "services").rglob("*.py"))
    assert [each for each in environment(OURS[name]) if f'"{each}"' not in read] == []


def test_prometheus_asks_every_stage_at_its_port() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text("utf-8"))
    asked = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert asked == {f"floorstream-{stage}": [f"{stage}:{metrics_port(SERVICES[stage])}"] for stage in STAGES}


def metrics_port(service: Service) -> Any:
    """Where a stage answers scrapes: a port of its own, or the one of its HTTP."""
    return service["environment"].get("FLOORSTREAM_METRICS_PORT") or service["environment"]["FLOORSTREAM_PORT"]


def test_nothing_about_packages_but_their_lock_is_in_the_image() -> None:
    """Where packages come from is the business of who builds."""
    assert not re.search(r"index-url|PIP_|find-links|https?://(?!hub\.docker\.com)", DOCKERFILE)
    assert "--require-hashes" in DOCKERFILE
    assert "--only-binary=:all:" in DOCKERFILE
