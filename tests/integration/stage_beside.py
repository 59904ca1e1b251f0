"""A stage in a process of its own beside a running stack, on its broker and database; with keys."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx

from services.embedded.process import wait_until
from tests.integration.up_process import Running, command, environment

SECONDS = 480.0
ANSWER_SECONDS = 60.0


def new_key(up: Running, file: Path) -> str:
    """A key that this file knows."""
    return up.floorstream("keys", "new", "desk", "--source", "desk", "--file", str(file)).stdout.strip()


@contextlib.contextmanager
def stage_beside(up: Running, stage: str, address: str, keys: Path, **settings: str) -> Iterator[None]:
    """`floorstream run` of ingest or show at this address, once it takes work."""
    url = httpx.URL(address)
    found = json.loads((up.data_dir / "instance.json").read_text("utf-8"))
    known = {
        **environment(up.home), "FLOORSTREAM_PROFILE": "embedded", "FLOORSTREAM_KAFKA": found["broker"],
        "FLOORSTREAM_DATABASE_URL": found["database"], "FLOORSTREAM_PARTITIONS": "4", "FLOORSTREAM_HOST": url.host,
        "FLOORSTREAM_PORT": str(url.port), "FLOORSTREAM_KEYS_FILE": str(keys), **settings,
    }  # fmt: skip
    output, said = up.home / f"{stage}.txt", ["nothing"]

    def ready() -> bool:
        if process.poll() is not None:
            return True
        try:
            answer = httpx.get(f"{address}/readyz", trust_env=False, timeout=ANSWER_SECONDS)
        except httpx.HTTPError as error:
            said.append(repr(error))
            return False
        said.append(answer.text)
        return answer.status_code == 200

    with output.open("wb") as file:
        process = subprocess.Popen(command("run", stage), env=known, stdout=file, stderr=subprocess.STDOUT)
    try:
        taken = wait_until(ready, SECONDS) and process.poll() is None
        assert taken, f"{stage} is not ready: {said[-1]}; ended: {process.poll()}\n{output.read_text('utf-8')}"
        yield
    finally:
        process.terminate()
        process.wait(60)
