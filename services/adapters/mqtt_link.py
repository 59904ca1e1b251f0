"""A connection to an MQTT 5.0 broker that is kept up by Paho's thread, and what comes over it, for asyncio.

    Paho's thread ─► at most so much waiting ─► next() ─► collector ─► acknowledge()

Nothing is acknowledged before the collector says so. Where it does not keep up, Paho's thread waits, so that the broker
does. Paho and not aiomqtt: that one acknowledges by itself, and throws away what does not fit its queue.
"""

import asyncio
import contextlib
import logging
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from services.adapters.front_door import read_secret
from services.core.message_reading import BrokerMessage
from services.core.redelivery import RECEIVE_MAXIMUM

log = logging.getLogger("floorstream.edge")

MOST_WAITING = 2_000
MOST_WAITING_BYTES = 32 * 1024 * 1024
LARGEST_PACKET = 16 * 1024 * 1024
FIRST_PAUSE_SECONDS = 1
LONGEST_PAUSE_SECONDS = 30
SAY_AGAIN_SECONDS = 60.0
LOOK_SECONDS = 1.0
LAST_WORDS_SECONDS = 5.0
NOT_SENT, SENT_IF_NEW = 2, 1
"""Retained messages at a subscription (MQTT 5.0, 3.8.3.1)."""
TAKEN_OVER = 142


@dataclass(frozen=True)
class BrokerSettings:
    """A broker and as whom to connect. `session_s` 0: nothing is kept for us while we are away."""

    host: str
    port: int
    tls: bool
    client_id: str
    session_s: int
    keep_alive_s: int
    user: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class Up(NamedTuple):
    """Connected. `session`: the broker still knew us."""

    session: bool


class Down(NamedTuple):
    """The connection ended."""


class Subscribed(NamedTuple):
    """The broker's answer: the topics that were asked for, and those that it does not let us have, with the reason."""

    topics: Sequence[str]
    refused: Sequence[str]


class Arrived(NamedTuple):
    """A message. `again`: the broker says that it may have sent it before; `connection` counts from 1."""

    connection: int
    packet: int
    qos: int
    again: bool
    message: BrokerMessage


Event = Up | Down | Subscribed | Arrived


class MqttLink:
    """One connection, made again whenever it ends; a context."""

    def __init__(
        self, name: str, settings: BrokerSettings, now_us: Callable[[], int],
        will: Callable[[], tuple[str, bytes]] | None = None,
    ) -> None:  # fmt: skip
        """`will`: topic and payload that the broker publishes when we are lost, asked before each connection."""
        self._name = name
        self._settings = settings
        self._now_us = now_us
        self._will = will
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._room = threading.Condition()
        self._waiting = self._waiting_bytes = 0
        self._ended = False
        self._connection = 0
        self._said = float("-inf")
        self._asked: dict[int, tuple[Sequence[str], int]] = {}
        self._client = self._new_client()

    async def __aenter__(self) -> Self:
        """Connecting goes on in the background."""
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # Paho has types, but not here
        connect.SessionExpiryInterval = self._settings.session_s
        connect.ReceiveMaximum = RECEIVE_MAXIMUM
        connect.MaximumPacketSize = LARGEST_PACKET
        settings = self._settings
        self._client.connect_async(
            settings.host, settings.port, settings.keep_alive_s, clean_start=settings.session_s == 0, properties=connect
        )
        self._client.loop_start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Say goodbye; a session is kept by the broker, and a will is not published."""
        with self._room:
            self._ended = True
            self._room.notify_all()
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    async def next(self, most: int) -> list[Event]:
        """What came since, in order, at most so much; nothing if nothing came for a second."""
        found: list[Event] = []
        try:
            found.append(await asyncio.wait_for(self._events.get(), LOOK_SECONDS))
        except TimeoutError:
            self._client.loop_start()  # does nothing while its thread lives
            return found
        while len(found) < most and not self._events.empty():
            found.append(self._events.get_nowait())
        with self._room:
            for event in found:
                if isinstance(event, Arrived):
                    self._waiting -= 1
                    self._waiting_bytes -= len(event.message.payload)
            self._room.notify_all()
        return found

    def acknowledge(self, arrived: Arrived) -> None:
        """It is on the disk; the broker may forget it. Of an earlier connection it will come again."""
        if arrived.qos and arrived.connection == self._connection:
            self._client.ack(arrived.packet, arrived.qos)

    def subscribe(self, topics: Sequence[str], qos: int, *, retained: bool) -> None:
        """Ask for topics; the answer comes as `Subscribed`."""
        how = SubscribeOptions(qos, retainHandling=SENT_IF_NEW if retained else NOT_SENT)
        _, packet = self._client.subscribe([(topic, how) for topic in topics])
        if packet is not None:
            self._asked[packet] = topics, qos

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """These are not wanted any more."""
        self._client.unsubscribe(list(topics))

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Send a message; lost where there is no connection."""
        if self._client.is_connected():
            self._client.publish(topic, payload, qos, retain)

    async def last_words(self, topic: str, payload: bytes, unsubscribed: Sequence[str]) -> None:
        """Publish and wait until the broker has it; nothing may come in any more, or the goodbye could be lost.

        A connection that is closed before all was read is reset, and a broker that is reset publishes the will.
        """
        if self._client.is_connected():
            self.unsubscribe(unsubscribed)
            said = self._client.publish(topic, payload, 1, True)
            with contextlib.suppress(ValueError, RuntimeError):
                await asyncio.to_thread(said.wait_for_publish, LAST_WORDS_SECONDS)

    def _new_client(self) -> Client:
        settings = self._settings
        client = Client(
            CallbackAPIVersion.VERSION2, settings.client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
        )
        if settings.user is not None:
            file = settings.password_file
            client.username_pw_set(settings.user, None if file is None else read_secret(file).decode().rstrip("\r\n"))
        if settings.tls:
            context = ssl.create_default_context(cafile=settings.ca_file)
            if settings.cert_file is not None:
                context.load_cert_chain(settings.cert_file, settings.key_file)
            client.tls_set_context(context)
        client.reconnect_delay_set(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        client.on_pre_connect = self._before
        client.on_connect = self._connected
        client.on_connect_fail = self._failed
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._answered
        client.on_message = self._arrived
        return client

    def _answer(self, packet: int, codes: Sequence[ReasonCode]) -> None:
        """In the loop, because an answer may be faster than `subscribe` returns."""
        topics, qos = self._asked.pop(packet, ((), 0))
        # A lower QoS than was asked for would lose whatever comes while we are away, without a word.
        refused = [
            f"{topic}: {code}"
            for topic, code in zip(topics, codes, strict=False)
            if code.is_failure or code.value < qos
        ]
        self._events.put_nowait(Subscribed(topics, refused))

    # What follows runs in Paho's thread.

    def _put(self, event: Event) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody asks any more
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    def _before(self, client: Client, data: Any) -> None:
        if self._will is not None:
            topic, payload = self._will()
            client.will_set(topic, payload, 1, True)

    def _connected(self, client: Client, data: Any, flags: ConnectFlags, code: ReasonCode, more: Any) -> None:
        if code.is_failure:
            self._say(f"the broker refuses us: {code}: check user, password_file and client_id 服务器拒绝连接")
            return
        self._connection += 1
        self._said = float("-inf")
        log.info("%s: connected with %s:%d 已连接", self._name, self._settings.host, self._settings.port)
        self._put(Up(flags.session_present))

    def _failed(self, client: Client, data: Any) -> None:
        self._say(f"no connection to {self._settings.host}:{self._settings.port}: {sys.exc_info()[1]} 无法连接")

    def _disconnected(self, client: Client, data: Any, flags: DisconnectFlags, code: ReasonCode, more: Any) -> None:
        if not self._ended:
            self._say(
                "another client has connected with our client_id: give each its own 另有客户端使用相同的 client_id"
                if code.value == TAKEN_OVER
                else f"the connection ended: {code} 连接结束"
            )
        self._put(Down())

    def _answered(self, client: Client, data: Any, packet: int, codes: list[ReasonCode], more: Any) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._answer, packet, codes)

    def _arrived(self, client: Client, data: Any, message: MQTTMessage) -> None:
        now, payload = self._now_us(), bytes(message.payload)
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "?"
        with self._room:
            while not self._ended and (
                self._waiting >= MOST_WAITING or self._waiting_bytes + len(payload) > MOST_WAITING_BYTES
            ):
                self._room.wait()
            self._waiting += 1
            self._waiting_bytes += len(payload)
        said = BrokerMessage(topic, payload, now, message.retain, _properties(message))
        self._put(Arrived(self._connection, message.mid, message.qos, message.dup, said))

    def _say(self, what: str) -> None:
        now = self._loop.time()
        if now - self._said >= SAY_AGAIN_SECONDS:
            self._said = now
            log.warning("%s: %s; it is tried again 将重试", self._name, what)


def _properties(message: MQTTMessage) -> dict[str, str]:
    pairs = getattr(message.properties, "UserProperty", ())
    return {str(name): str(value) for name, value in pairs}
