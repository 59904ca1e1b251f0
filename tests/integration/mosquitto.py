"""A Mosquitto of our own on 127.0.0.1, that keeps what it must in a directory of its own, and a publisher."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from services.embedded.process import accepts, free_port, wait_until

PATIENCE_SECONDS = 600.0
PROGRAM = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
ABSENT = "no mosquitto (Debian: apt-get install mosquitto)"


class Mosquitto:
    """Runs between entering and leaving the context; `start` and `stop` may be called in between."""

    def __init__(self, home: Path, *lines: str) -> None:
        """`lines`: of its configuration, after those about keeping; what listens is said by the first."""
        home.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.log = home / "mosquitto.log"
        self.kept = home / "mosquitto.db"
        self._config = home / "mosquitto.conf"
        own = [
            f"persistence_location {home}/",
            "persistence true",
            "max_queued_messages 0",
            f"log_dest file {self.log}",
        ]
        if os.geteuid() == 0:
            own.append("user root")
        self._config.write_text("\n".join([*own, f"listener {self.port} 127.0.0.1", *(lines or OPEN)]) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it can be connected to."""
        assert PROGRAM is not None
        self._process = subprocess.Popen([PROGRAM, "-c", str(self._config)])
        listens = wait_until(lambda: accepts("127.0.0.1", self.port), PATIENCE_SECONDS)
        assert listens, f"it never listened: {self.log.read_text() if self.log.exists() else ''}"

    def stop(self) -> None:
        """End it; it writes down what it keeps."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def save(self) -> None:
        """It writes down what it keeps, as every half an hour by itself; wait until it has."""
        assert self._process is not None
        before = self._written()
        self._process.send_signal(signal.SIGUSR1)
        assert wait_until(lambda: self._written() > before, PATIENCE_SECONDS)

    def kill(self) -> None:
        """End it by SIGKILL: what it had not written down is lost."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)
        self._process = None

    def _written(self) -> int:
        return self.kept.stat().st_mtime_ns if self.kept.exists() else 0

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


OPEN: Sequence[str] = ("allow_anonymous true",)


class Publisher:
    """A device that publishes; every message that it was asked to is at the broker when the context is left."""

    def __init__(self, port: int) -> None:
        """Connects when entered."""
        self._port = port
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._sent: list[MQTTMessageInfo] = []

    def __enter__(self) -> Self:
        """Connect."""
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", self._port)
        self.client.loop_start()
        self.connected()
        return self

    def connected(self) -> None:
        """Wait until it is."""
        assert wait_until(self.client.is_connected, PATIENCE_SECONDS)

    def publish(self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False) -> None:
        """Publish soon."""
        self._sent.append(self.client.publish(topic, payload, qos, retain))

    def flush(self) -> None:
        """Wait until the broker has it all."""
        for sent in self._sent:
            sent.wait_for_publish(PATIENCE_SECONDS)
            assert sent.is_published()
        self._sent.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait, unless something has failed, and disconnect."""
        try:
            if kind is None:
                self.flush()
        finally:
            self.client.disconnect()
            self.client.loop_stop()
