"""An edge node of Sparkplug with one device, written from the specification, on a real broker."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from services.embedded.process import wait_until

PATIENCE_SECONDS = 600.0
GROUP, DEVICE = "plant", "press"
STATE_ALIAS = 7
INT32, UINT64, BOOLEAN = 3, 8, 11


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _whole(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _text(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def metric(name: str, alias: int, datatype: int, value: int) -> bytes:
    """One metric; an empty name or alias 0 is left out. Of 64 bits a long_value, a boolean_value, else an int_value."""
    place = {UINT64: 11, BOOLEAN: 14}.get(datatype, 10)
    said = _text(1, name.encode()) if name else b""
    said += _whole(2, alias) if alias else b""
    said += _whole(4, datatype) if name else b""
    return _text(2, said + _whole(place, value))


def payload(time_ms: int, seq: int | None, *metrics: bytes) -> bytes:
    """One message."""
    return _whole(1, time_ms) + b"".join(metrics) + (b"" if seq is None else _whole(3, seq))


class EdgeNode:
    """Connects when entered; `cut` ends the connection as a cable that is pulled does."""

    def __init__(self, port: int, name: str, bd_seq: int = 0) -> None:
        """`bd_seq`: which birth this is."""
        self._port = port
        self._name = name
        self._bd_seq = bd_seq
        self.requests = 0
        """How often it was asked to be born again."""
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.will_set(self._topic("NDEATH"), self.death(bd_seq), 1)
        self.client.on_message = self._asked

    def __enter__(self) -> Self:
        """Connect, and listen for requests."""
        self.client.connect("127.0.0.1", self._port)
        subscribed: list[int] = []
        self.client.on_subscribe = lambda *words: subscribed.append(1)
        self.client.loop_start()
        assert wait_until(self.client.is_connected, PATIENCE_SECONDS)
        self.client.subscribe(f"spBv1.0/{GROUP}/NCMD/{self._name}", 1)
        assert wait_until(lambda: bool(subscribed), PATIENCE_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()

    def cut(self) -> None:
        """The broker sees the connection end without a goodbye, and publishes the will."""
        self.client.on_message = None
        self.client.reconnect_delay_set(3600, 3600)
        connection = self.client.socket()
        assert connection is not None
        connection.shutdown(socket.SHUT_RDWR)

    def birth(self, time_ms: int, state: int) -> None:
        """NBIRTH and DBIRTH, seq 0 and 1."""
        said = payload(time_ms, 0, metric("bdSeq", 0, UINT64, self._bd_seq), metric(REBIRTH, 0, BOOLEAN, 0))
        self._publish("NBIRTH", said)
        self._publish("DBIRTH", payload(time_ms, 1, metric("State", STATE_ALIAS, INT32, state)))

    def data(self, time_ms: int, seq: int, state: int) -> None:
        """DDATA by alias."""
        self._publish("DDATA", payload(time_ms, seq, metric("", STATE_ALIAS, INT32, state)))

    def death(self, bd_seq: int) -> bytes:
        """The payload of an NDEATH."""
        return payload(0, None, metric("bdSeq", 0, UINT64, bd_seq))

    def publish_death(self, bd_seq: int) -> None:
        """An NDEATH of some session."""
        self._publish("NDEATH", self.death(bd_seq))

    def is_asked(self, times: int) -> None:
        """Wait until it was asked to be born again so often."""
        so = wait_until(lambda: self.requests >= times, PATIENCE_SECONDS)
        assert so, f"asked {self.requests} times, not {times}"

    def _topic(self, kind: str) -> str:
        device = f"/{DEVICE}" if kind.startswith("D") else ""
        return f"spBv1.0/{GROUP}/{kind}/{self._name}{device}"

    def _publish(self, kind: str, said: bytes) -> None:
        sent = self.client.publish(self._topic(kind), said, 0)
        sent.wait_for_publish(PATIENCE_SECONDS)

    def _asked(self, client: Client, data: object, message: MQTTMessage) -> None:
        if REBIRTH.encode() in message.payload:
            self.requests += 1


REBIRTH = "Node Control/Rebirth"
