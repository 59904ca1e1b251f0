"""`floorstream healthy`: yes for a stage that gets on, no with the reason for one that does not."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from services.adapters.pulse import EVERY_S, Pulse
from services.cli import main
from services.commands.healthy import NO_PLANT, OLDEST_S
from services.show.app import not_ready as show_lacks
from tests.ingest_floor import memory_floor
from tests.show_floor import deps as show_deps


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A port of this machine whose /readyz answers so."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield str(server.server_port)
        finally:
            server.shutdown()
            thread.join()


def judged(monkeypatch: pytest.MonkeyPatch, **settings: str) -> int:
    for name in ("READY_FILE", "HOST", "PORT"):
        monkeypatch.setenv(f"FLOORSTREAM_{name}", settings.get(name, ""))
    return main(["healthy"])


@pytest.mark.parametrize(("age", "code"), [(0.0, 0), (OLDEST_S - 5, 0), (OLDEST_S + 5, 1)])
def test_a_background_stage_is_as_well_as_its_file_is_young(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: float, code: int
) -> None:
    file = tmp_path / "ready"
    file.touch()
    then = file.stat().st_mtime - age
    os.utime(file, (then, then))
    assert judged(monkeypatch, READY_FILE=str(file)) == code


def test_one_that_has_not_begun_is_not_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(monkeypatch, READY_FILE=str(tmp_path / "ready")) == 1
    assert "takes no work yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "missing", "code"),
    [
        (200, [], 0),
        (503, ["broker: does not answer"], 1),
        (503, [f"{NO_PLANT}: none is marked in every partition; PUT /v1/plant"], 0),
        (503, [f"{NO_PLANT}: there is none", "operation states: not read to their end yet"], 1),
    ],
)
def test_a_stage_with_http_is_asked(
    monkeypatch: pytest.MonkeyPatch, status: int, missing: list[str], code: int
) -> None:
    with answering(status, json.dumps({"ready": not missing, "missing": missing}).encode()) as port:
        assert judged(monkeypatch, PORT=port, HOST="0.0.0.0") == code


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"missing": null}'])
def test_another_program_at_the_port_is_not_the_stage(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    with answering(200, body) as port:
        assert judged(monkeypatch, PORT=port) == 1


async def test_the_stages_call_a_missing_plant_as_this_command_expects() -> None:
    async with memory_floor(plant=None) as floor:
        missing = (await floor.client.get("/readyz")).json()["missing"]
    assert [each.startswith(NO_PLANT) for each in missing] == [True]
    assert any(each.startswith(NO_PLANT) for each in show_lacks(show_deps()))


def test_a_pulse_begins_with_taking_work_and_then_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("services.adapters.pulse.monotonic", lambda: now[0])
    file = tmp_path / "ready"
    pulse = Pulse(str(file))
    pulse.beat()
    assert not file.exists()
    pulse.ready()
    for later, touched in ((EVERY_S / 2, False), (EVERY_S, True)):
        os.utime(file, (1, 1))
        now[0] = 100.0 + later
        pulse.beat()
        assert (file.stat().st_mtime > 1) == touched
