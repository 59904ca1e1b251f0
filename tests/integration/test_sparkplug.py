"""Edge nodes of Sparkplug on a real Mosquitto: a lost birth, a gap, a death, a restart, as the specification asks."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from services.adapters.spool_file import NAME, open_database
from services.embedded.process import wait_until
from tests.integration.edge_process import PATIENCE_SECONDS, EdgeProgram, nobody
from tests.integration.mosquitto import ABSENT, PROGRAM, Mosquitto
from tests.integration.sparkplug_node import EdgeNode

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason=ABSENT)]

MAPPING = """
events:
  - kind: machine
    when: {$.metrics.State: {exists: true}}
    fields:
      work_unit_id: {from: [$.node, $.device], join: "-"}
      event_time: $.time
      state: {from: $.metrics.State, values: {"6": execute, "2": stopped, "4": idle}}
  - kind: machine
    when: {$.kind: [NDEATH, DDEATH], $.device: {exists: true}}
    fields: {work_unit_id: {from: [$.node, $.device], join: "-"}, event_time: $.time, state: {value: aborted}}
"""
T = 1_795_435_200_000
REORDER = "10s"
"""Longer than a loaded machine holds up two messages that are sent after each other."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "mosquitto") as running:
        yield running


@pytest.fixture
def edge(broker: Mosquitto, tmp_path: Path) -> Iterator[EdgeProgram]:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING, "utf-8")
    told = {"url": f"mqtt://127.0.0.1:{broker.port}", "mapping": str(mapping), "groups": ["plant"], "host_id": "floor"}
    told["reorder_timeout"] = REORDER
    section = f"sparkplug: {json.dumps({'nodes': told})}"
    with EdgeProgram(tmp_path, nobody(), section) as program:
        program.start()
        program.says("groups are read")
        yield program


def states(edge: EdgeProgram, unit: str) -> list[str]:
    """What the queue holds of a machine, in order."""
    with contextlib.closing(open_database(edge.home / "spool" / NAME, read_only=True)) as database:
        bodies = [json.loads(row[0]) for row in database.execute("SELECT body FROM queue ORDER BY id")]
    return [body["state"] for body in bodies if body["work_unit_id"] == unit]


def becomes(edge: EdgeProgram, unit: str, *wanted: str) -> None:
    """Wait until the queue holds so much of a machine, and exactly that."""
    wait_until(lambda: len(states(edge, unit)) >= len(wanted), PATIENCE_SECONDS)
    assert states(edge, unit) == list(wanted), edge.said


def test_a_lost_birth_is_asked_for_and_then_believed(broker: Mosquitto, edge: EdgeProgram) -> None:
    with EdgeNode(broker.port, "n1") as node:
        node.data(T, 5, 6)
        node.is_asked(1)
        node.birth(T + 1, 2)
        node.data(T + 2, 2, 6)
        becomes(edge, "n1-press", "stopped", "execute")
        assert node.requests == 1


def test_a_gap_is_waited_for_then_a_birth_is_asked_for(broker: Mosquitto, edge: EdgeProgram) -> None:
    with EdgeNode(broker.port, "n2") as node:
        node.birth(T, 2)
        node.data(T + 2, 3, 6)  # before 2
        node.data(T + 1, 2, 4)
        becomes(edge, "n2-press", "stopped", "idle", "execute")
        assert node.requests == 0, "out of order is no gap"
        node.data(T + 3, 5, 2)  # 4 never comes
        node.is_asked(1)
        node.birth(T + 4, 6)
        becomes(edge, "n2-press", "stopped", "idle", "execute", "stopped", "execute")


def test_a_death_and_a_restart(broker: Mosquitto, edge: EdgeProgram) -> None:
    with EdgeNode(broker.port, "n3", bd_seq=0) as node:
        node.birth(T, 6)
        becomes(edge, "n3-press", "execute")
        node.cut()
        becomes(edge, "n3-press", "execute", "aborted")
    with EdgeNode(broker.port, "n3", bd_seq=1) as node:
        node.birth(T + 1, 2)
        node.publish_death(0)  # of the former session, late
        node.data(T + 2, 2, 6)
        becomes(edge, "n3-press", "execute", "aborted", "stopped", "execute")
        assert node.requests == 0


def test_the_state_of_the_host_is_said_whatever_ends_it(broker: Mosquitto, edge: EdgeProgram) -> None:
    heard: list[bool] = []

    def state(client: Client, data: object, message: MQTTMessage) -> None:
        online = json.loads(message.payload)["online"]
        if heard[-1:] != [online]:
            heard.append(online)

    watcher = Client(CallbackAPIVersion.VERSION2)
    watcher.on_message = state
    watcher.connect("127.0.0.1", broker.port)
    watcher.subscribe("spBv1.0/STATE/floor", 1)
    watcher.loop_start()
    try:
        assert wait_until(lambda: heard == [True], PATIENCE_SECONDS), heard
        edge.end("kill")
        assert wait_until(lambda: heard == [True, False], PATIENCE_SECONDS), heard
        edge.start()
        assert wait_until(lambda: heard == [True, False, True], PATIENCE_SECONDS), heard
        assert edge.end("terminate") == 0
        assert wait_until(lambda: heard == [True, False, True, False], PATIENCE_SECONDS), heard
    finally:
        watcher.disconnect()
        watcher.loop_stop()
