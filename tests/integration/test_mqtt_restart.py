"""A Mosquitto that is killed and starts again from what it wrote down last: what the edge program makes of the messages
that it delivers again, which have neither a time nor an id of their own.

Written down with their packet identifiers are those that were under way to us then, at most RECEIVE_MAXIMUM: they come
again marked as repeats and under the same identifiers, and are known. Those that still waited come again as if they had
never been sent: nothing in MQTT says otherwise, and each of them is a second reading.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.adapters.spool_file import NAME, open_database
from services.core.redelivery import RECEIVE_MAXIMUM
from tests.integration.edge_process import EdgeProgram, nobody
from tests.integration.mosquitto import ABSENT, PROGRAM, Mosquitto, Publisher
from tests.integration.test_mqtt import MACHINE, collector

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason=ABSENT)]
TOPIC = "line/M1/count"
KILLS = 4


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "mosquitto") as running:
        yield running


@pytest.fixture
def edge(broker: Mosquitto, tmp_path: Path) -> Iterator[EdgeProgram]:
    """Reads counts; what it read stays in its queue."""
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MACHINE, "utf-8")
    with EdgeProgram(tmp_path, nobody(), collector(broker.port, ["line/+/count"], mapping)) as program:
        program.start()
        program.says("topics are read")
        yield program


@contextlib.contextmanager
def stopped(edge: EdgeProgram) -> Iterator[None]:
    """It stands still, connected."""
    os.kill(edge.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(edge.pid, signal.SIGCONT)


def written_down(broker: Mosquitto, edge: EdgeProgram, counts: range) -> None:
    """The broker has these, has sent what it may, and has written all of it down; the edge has read none yet."""
    with stopped(edge):
        published(broker, counts)
        broker.save()


def published(broker: Mosquitto, counts: range) -> None:
    with Publisher(broker.port) as publisher:
        for count in counts:
            publisher.publish(TOPIC, json.dumps({"good": count}))


def killed_and_back(broker: Mosquitto, edge: EdgeProgram, before: int) -> None:
    """The broker forgets all since it wrote down last; the edge is connected with it again as so often before."""
    broker.kill()
    broker.start()
    edge.says("topics are read", before + 1)


def readings(edge: EdgeProgram) -> Counter[int]:
    """How often each count was read."""
    with contextlib.closing(open_database(edge.home / "spool" / NAME, read_only=True)) as database:
        bodies = [body for (body,) in database.execute("SELECT body FROM queue")]
    return Counter(json.loads(body)["counter"]["good"] for body in bodies)


def test_what_was_under_way_is_read_once(broker: Mosquitto, edge: EdgeProgram) -> None:
    for kill in range(KILLS):
        counts = range(kill * RECEIVE_MAXIMUM, (kill + 1) * RECEIVE_MAXIMUM)
        written_down(broker, edge, counts)
        edge.waits_until(counts.stop, "all of them were taken")
        killed_and_back(broker, edge, kill + 1)
    last = KILLS * RECEIVE_MAXIMUM
    published(broker, range(last, last + 1))  # the broker sends it after all that it repeats
    edge.waits_until(last + 1, "each is in the queue, and none twice")
    assert edge.said.count("forgotten our session") == 0


def test_what_still_waited_comes_twice_and_nothing_else_does(broker: Mosquitto, edge: EdgeProgram) -> None:
    waiting = RECEIVE_MAXIMUM
    counts = range(RECEIVE_MAXIMUM + waiting)
    written_down(broker, edge, counts)
    edge.waits_until(counts.stop, "all of them were taken")
    killed_and_back(broker, edge, 1)
    published(broker, range(counts.stop, counts.stop + 1))
    edge.waits_until(counts.stop + waiting + 1, "those that waited are there twice", or_more=True)
    assert readings(edge) == Counter(range(counts.stop + 1)) + Counter(range(RECEIVE_MAXIMUM, counts.stop))
