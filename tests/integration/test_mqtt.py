"""What devices say by MQTT, through a real Mosquitto and the edge program, which is killed meanwhile."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.core.instant import parse_instant
from services.embedded.process import free_port
from tests.integration.edge_process import EdgeProgram, nobody
from tests.integration.mosquitto import ABSENT, PROGRAM, Mosquitto, Publisher
from tests.integration.up_process import Running
from tests.mqtt_sessions import MAPPING, PLANT, TOPICS, differs, events, orders, session

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason=ABSENT)]

SPEED = 20
NAMES = ("white-storage", "red-storage", "startup-clean")
OLD = {"timestamp": "2026-08-07T00:00:00Z", "orderId": "old", "action": {"command": "PICK"}}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "mosquitto") as running:
        yield running


def collector(port: int, topics: object, mapping: Path, **more: object) -> str:
    """The section of an edge file."""
    told = {"url": f"mqtt://127.0.0.1:{port}", "topics": topics, "mapping": str(mapping), **more}
    return f"mqtt: {json.dumps({'plant': told})}"


def play(recorded: list[dict[str, Any]], publisher: Publisher, program: EdgeProgram, kills: int) -> None:
    """Publish a session at its own pace, so many times faster; the edge is killed, away for a while, and started."""
    first, begun = parse_instant(recorded[0]["timestamp"]), time.monotonic()
    away = len(recorded) // (2 * kills + 1)
    for number, one in enumerate(recorded):
        due = begun + (parse_instant(one["timestamp"]) - first) / 1e6 / SPEED
        time.sleep(max(0.0, due - time.monotonic()))
        publisher.publish(
            one["topic"], one["payload"] if isinstance(one["payload"], str) else json.dumps(one["payload"])
        )
        if number % (2 * away) == away:
            program.end("kill")
        elif number and number % (2 * away) == 0:
            program.start()
    if program.ended:
        program.start()


def exported(folder: Path) -> list[dict[str, Any]]:
    """visits.csv, instants as µs."""
    with (folder / "visits.csv").open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    for row in rows:
        for moment in ("arrived", "started", "finished", "departed"):
            row[moment] = parse_instant(row[moment]) if row[moment] else None
    return rows


def test_recorded_sessions_end_as_the_visits_of_the_controllers_record(broker: Mosquitto, tmp_path: Path) -> None:
    recorded = {name: session(name) for name in NAMES}
    truth = {order: steps for each in recorded.values() for order, steps in orders(each).items()}
    expected = sum(len(events(each)) for each in recorded.values())
    plant = tmp_path / "plant.yaml"
    plant.write_text(json.dumps(PLANT), "utf-8")
    with (
        Running(tmp_path, "up", "--port", str(free_port()), "--plant", str(plant)) as up,
        EdgeProgram(tmp_path, up.address, collector(broker.port, TOPICS, MAPPING)) as program,
        Publisher(broker.port) as publisher,
    ):
        publisher.publish("module/v1/ff/SVR4H73275/order", json.dumps(OLD), retain=True)
        program.start()
        program.says("topics are read")
        for each in recorded.values():
            play(each, publisher, program, kills=2)
        publisher.flush()
        program.sent(expected)
        assert program.end("terminate") == 0
        assert up.floorstream("drain", "--timeout", "60s").returncode == 0
        assert up.floorstream("verify").returncode == 0
        assert up.floorstream("export", "--out", str(tmp_path / "out")).returncode == 0
    assert len(truth) == 4
    assert differs(exported(tmp_path / "out"), truth) == []


MACHINE = """
events:
  - kind: machine
    fields:
      work_unit_id: "$topic[1]"
      event_time: $arrived
      counter: {good: $.good}
"""
MESSAGES = 2_000
KILLS = 4


def test_what_has_no_time_and_no_id_is_one_reading_whatever_is_killed(broker: Mosquitto, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MACHINE, "utf-8")
    with (
        EdgeProgram(tmp_path, nobody(), collector(broker.port, ["line/+/count"], mapping)) as program,
        Publisher(broker.port) as publisher,
    ):
        program.start()
        program.says("topics are read")
        for kill in range(KILLS):
            for number in range(kill * MESSAGES // KILLS, (kill + 1) * MESSAGES // KILLS):
                publisher.publish("line/M1/count", json.dumps({"good": number}))
            program.waits_until(kill * MESSAGES // KILLS + 1, "some of it was taken", or_more=True)
            program.end("kill")
            told = program.said.count("topics are read")  # who is killed with the first messages has not said so yet
            program.start()
        publisher.flush()
        program.waits_until(MESSAGES, "every message is in the queue, and none twice")
        program.says("topics are read", told + 1)
        assert program.end("terminate") == 0
        assert "forgotten our session" not in program.said


def secured(home: Path) -> tuple[Path, list[str]]:
    """A certificate that is its own authority, and a Mosquitto that knows the user edge with the password right."""
    home.mkdir()
    certificate, key, users = home / "certificate.pem", home / "key.pem", home / "users"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=broker", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    users.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(users), "edge", "right"], check=True, capture_output=True)
    lines = [f"certfile {certificate}", f"keyfile {key}", "allow_anonymous false", f"password_file {users}"]
    return certificate, lines


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl (Debian: apt-get install openssl)")
def test_only_an_encrypted_connection_with_the_right_password_is_read(tmp_path: Path) -> None:
    certificate, lines = secured(tmp_path / "secured")
    mapping, password = tmp_path / "mapping.yaml", tmp_path / "password"
    mapping.write_text(MACHINE, "utf-8")
    password.touch(mode=0o600)
    password.write_text("wrong\n", "utf-8")
    with Mosquitto(tmp_path / "mosquitto", *lines) as broker:
        told = {"user": "edge", "password_file": str(password), "url": f"mqtts://127.0.0.1:{broker.port}"}
        section = collector(broker.port, ["line/+/count"], mapping, **told, ca_file=str(certificate))
        with EdgeProgram(tmp_path, nobody(), section) as program:
            program.start()
            program.says("the broker refuses us")
            program.end("terminate")
            assert "topics are read" not in program.said
            password.write_text("right\n", "utf-8")
            program.start()
            program.says("topics are read")
            assert program.end("terminate") == 0
        section = collector(broker.port, ["line/+/count"], mapping, **told)
        with EdgeProgram(tmp_path, nobody(), section) as program:  # the certificate is nobody's that we know
            before = program.said.count("certificate verify failed")
            program.start()
            program.says("certificate verify failed", before + 1)
