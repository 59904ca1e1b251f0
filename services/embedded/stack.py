"""Everything on one machine, from nothing to `ready http://…`: broker, database, plant model, stages, front door.

hold the directory ─► broker, database ─► schema, topics, what was stored, plant ─► children ─► ready ─► … ─► end
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services import settings
from services.embedded import instance
from services.embedded.apache_part import ApachePart
from services.embedded.broker import Broker
from services.embedded.caught_up import CaughtUp
from services.embedded.child import Child
from services.embedded.data_dir import note_used, prepare_directory, refuse_foreign
from services.embedded.database import Database
from services.embedded.errors import EmbeddedError
from services.embedded.keep_all import KeepAll
from services.embedded.part import Part
from services.embedded.prepare import prepare
from services.embedded.stages import stage_children, stage_environment
from services.embedded.supervisor import Supervisor, say

HOST = "127.0.0.1"
DEFAULT_PORT = 8080
PORTS_TRIED = 100
BROKERS: dict[str, Callable[[], Part]] = {"embedded": Broker, "apache": ApachePart}


class PortTaken(Exception):
    """The port that was asked for is in use; the message names it."""


def no_more(instance: instance.Instance) -> Sequence[Child]:
    """Nothing besides the stages."""
    return ()


@dataclass(frozen=True)
class Stack:
    """What to run. `plant` is a canonical plant document, `plant_given` whether the user chose it."""

    data_dir: Path
    plant: dict[str, Any]
    plant_given: bool
    port: int | None = None  # None: the default one, or the next free
    broker: str = "embedded"
    fresh: bool = False
    duration: float | None = None  # seconds after ready
    channels: Path | None = None  # how people are reached
    public_url: str = ""  # how their phones reach us
    more: Callable[[instance.Instance], Sequence[Child]] = field(default=no_more)  # further children


def run_stack(stack: Stack, *, say: Callable[[str], None] = say) -> int:
    """Run until asked to stop; the exit code. Raises PortTaken, UnusableDirectory, EmbeddedError."""
    refuse_foreign(stack.data_dir)
    choose_port(stack.port)  # before anything is started: a wrong --port is answered at once
    with Supervisor(stack.data_dir, say=say) as supervisor:
        prepare_directory(stack.data_dir, stack.broker, fresh=stack.fresh)
        try:
            return _run(stack, supervisor, say)
        finally:
            instance.withdraw(stack.data_dir)


def _run(stack: Stack, supervisor: Supervisor, say: Callable[[str], None]) -> int:
    part = BROKERS[stack.broker]()
    broker = supervisor.start_part(part)
    database = supervisor.start_part(Database())
    embedded = stack.broker == "embedded"
    environment = stage_environment(
        broker, database, stack.data_dir, embedded=embedded, channels=stack.channels, public_url=stack.public_url
    )
    try:
        kafka = settings.read({**os.environ, **environment}).kafka
    except settings.BadSetting as error:
        raise EmbeddedError(str(error)) from error
    version, life = asyncio.run(
        prepare(kafka, database, stack.plant, replace=stack.plant_given, forgets=part.forgets, say=say)
    )
    note_used(stack.data_dir, stack.broker)
    port = choose_port(stack.port)
    address = f"http://{HOST}:{port}"
    if stack.port is None and port != DEFAULT_PORT:
        say(f"port {DEFAULT_PORT} is taken; using {port} 端口 {DEFAULT_PORT} 已被占用，改用 {port}")
    say(f"plant model {version} is in force; the stages start 工厂模型版本 {version} 已生效，各环节正在启动")
    here = instance.publish(stack.data_dir, address=address, broker=broker, database=database)
    again = CaughtUp(life, database, address, say)
    waits = {"aggregate": again.rows, "alert": again.board, "notify": again.board}
    environment["FLOORSTREAM_GENERATION"] = str(life.generation)
    children = [*stage_children(stack.data_dir, port, environment, waits), *stack.more(here)]
    keep = KeepAll(broker, database, say) if part.forgets else None
    return supervisor.run(children, ready_line=f"ready {address}", duration=stack.duration, doors_closed=keep)


def choose_port(asked: int | None) -> int:
    """The port asked for, or the first free one from the default on. Raises PortTaken."""
    if asked is not None:
        if not can_listen(asked):
            raise PortTaken(f"port {asked} is in use: give another --port, or none to take the next free one")
        return asked
    free = next((port for port in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED) if can_listen(port)), None)
    if free is None:
        raise PortTaken(f"no port from {DEFAULT_PORT} to {DEFAULT_PORT + PORTS_TRIED - 1} is free: give --port")
    return free


def can_listen(port: int) -> bool:
    """Could a server of ours listen on this port now?"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
