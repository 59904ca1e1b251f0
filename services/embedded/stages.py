"""The children of the stack: the stages and the front door, each told by its environment where all is."""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from services.adapters.alert_links import make_key
from services.embedded.child import Child
from services.embedded.instance import write_private
from services.embedded.process import free_port

PACKAGES = Path(__file__).resolve().parents[2]
BACKGROUND = ("track", "aggregate", "alert", "store", "notify")
"""In the order of the road. Each touches FLOORSTREAM_READY_FILE when it takes work."""
FRONT = "services.embedded.front"
ANSWER_SECONDS = 0.9
LINK_KEY_FILE = "link.key"
"""In the data directory: what links in messages are signed with."""
METRICS_FILE = "metrics.json"
"""In the data directory: stage → where its metrics are to be scraped."""


def python(module: str, *words: str) -> list[str]:
    """The command line of a module of ours.

    -P: a folder `services` where the user stands is not taken for ours; -X faulthandler: one that is broken off writes
    down where it stood.
    """
    return [sys.executable, "-P", "-X", "faulthandler", "-m", module, *words]


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What every child of ours gets besides its settings."""
    paths = [str(PACKAGES), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1", **environment}


def stage_children(
    data_dir: Path, port: int, environment: Mapping[str, str], may_start: Mapping[str, Callable[[], bool]]
) -> list[Child]:
    """The stages of one stack; what earlier ones said of being ready is forgotten. Writes METRICS_FILE.

    `may_start`: what a stage has to wait for, where it must.
    """
    ready = data_dir.resolve() / "ready"
    ready.mkdir(mode=0o700, exist_ok=True)
    children, metrics = [], {"front": port}
    for stage in BACKGROUND:
        file = ready / stage
        file.unlink(missing_ok=True)
        metrics[stage] = free_port()
        own = {"FLOORSTREAM_READY_FILE": str(file), "FLOORSTREAM_METRICS_PORT": str(metrics[stage])}
        settings = child_environment({**environment, **own})
        children.append(
            Child(
                stage, python(f"services.{stage}"), settings,
                is_ready=file.exists, may_start=may_start.get(stage), pulse=file,
            )
        )  # fmt: skip
    pulse = ready / "front"
    front = child_environment({**environment, "FLOORSTREAM_PORT": str(port), "FLOORSTREAM_READY_FILE": str(pulse)})
    addresses = {stage: f"http://127.0.0.1:{number}/metrics" for stage, number in metrics.items()}
    write_private(data_dir / METRICS_FILE, json.dumps(addresses, indent=1))
    children.append(Child("front", python(FRONT), front, is_ready=answers(port, "/readyz"), pulse=pulse, door=True))
    return children


def answers(port: int, path: str) -> Callable[[], bool]:
    """Does this address on this machine answer 200? No proxy is asked."""

    def ask() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    return ask


def stage_environment(
    broker: str, database: str, data_dir: Path, *, embedded: bool, channels: Path | None = None, public_url: str = ""
) -> dict[str, str]:
    """The settings that the stages of one stack share; whatever the user's own say of another system is covered."""
    link_key = data_dir.resolve() / LINK_KEY_FILE
    make_key(link_key)
    return {
        "FLOORSTREAM_PROFILE": "embedded" if embedded else "kafka",
        "FLOORSTREAM_KAFKA": broker,
        "FLOORSTREAM_DATABASE_URL": database,
        "FLOORSTREAM_DATABASE_PASSWORD_FILE": "",
        "FLOORSTREAM_DATA_DIR": str(data_dir.resolve()),
        "FLOORSTREAM_HOST": "127.0.0.1",
        "FLOORSTREAM_PARTITIONS": os.environ.get("FLOORSTREAM_PARTITIONS") or "4",
        "FLOORSTREAM_OPERATION_PARTITIONS": os.environ.get("FLOORSTREAM_OPERATION_PARTITIONS") or "2",
        "FLOORSTREAM_REPLICATION": "1",
        "FLOORSTREAM_GENERATION": "1",
        "FLOORSTREAM_INSTANCE": "0",
        "FLOORSTREAM_METRICS_PORT": "0",
        "FLOORSTREAM_KEYS_FILE": "",
        "FLOORSTREAM_CHANNELS_FILE": "" if channels is None else str(channels.resolve()),
        "FLOORSTREAM_PUBLIC_URL": public_url,
        "FLOORSTREAM_INGEST_URL": "",
        "FLOORSTREAM_LINK_KEY_FILE": str(link_key),
    }
