"""Topics of an MQTT broker whose messages are JSON: each message becomes what the mapping says.

The broker keeps a session for us: what comes while we are away is delivered afterwards, and every message is
acknowledged once its readings are on the disk, never before.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from services.adapters.mqtt_link import Arrived, BrokerSettings, Down, Event, MqttLink, Subscribed, Up
from services.core.device_clocks import DeviceClocks
from services.core.mapping import RecordMapping
from services.core.message_reading import matches, read_message
from services.core.reading import Reading, Unreadable
from services.core.redelivery import Redelivery
from services.ports import Notes, Take

log = logging.getLogger("floorstream.edge")

MOST_AT_ONCE = 200
MOST_READINGS = 2_000
"""In one call of the queue; a message may hold thousands, and others want their turn."""
CLIENT_ID, TOPICS, TAKEN, SESSION, CLOCK = "client_id", "topics", "taken/", "session", "clock/"


@dataclass(frozen=True)
class TopicsSettings:
    """One entry of `mqtt` in the edge file. A client_id of '' stands for one that is kept in the notes."""

    name: str
    source: str
    broker: BrokerSettings
    topics: Sequence[str]
    qos: int
    retained: bool
    mapping: RecordMapping


class MqttTopics:
    """See ports.Collector."""

    def __init__(self, settings: TopicsSettings, now_us: Callable[[], int]) -> None:
        """Nothing is connected before run()."""
        self._settings = settings
        self._now_us = now_us
        self._up = False

    @property
    def name(self) -> str:
        """See ports.Collector."""
        return self._settings.name

    @property
    def up(self) -> bool:
        """Connected, and all topics were granted."""
        return self._up

    async def run(self, take: Take, notes: Notes) -> None:
        """See ports.Collector."""
        settings = self._settings
        broker = replace(
            settings.broker, client_id=settings.broker.client_id or await own_client_id(self.name, take, notes)
        )
        noted = await notes.find(CLOCK)
        clocks = DeviceClocks({key.removeprefix(CLOCK): int(value) for key, value in noted.items()})
        try:
            async with MqttLink(self.name, broker, self._now_us) as link:
                await _Session(settings, link, take, notes, clocks, self._set_up).run()
        finally:
            self._up = False

    def _set_up(self, up: bool) -> None:
        self._up = up


class _Session:
    def __init__(
        self, settings: TopicsSettings, link: MqttLink, take: Take, notes: Notes, clocks: DeviceClocks,
        set_up: Callable[[bool], None],
    ) -> None:  # fmt: skip
        self._settings = settings
        self._link = link
        self._take = take
        self._notes = notes
        self._clocks = clocks
        self._set_up = set_up
        self._redelivery = Redelivery({})

    async def run(self) -> None:
        noted = await self._notes.find(TAKEN)
        self._redelivery = Redelivery({key.removeprefix(TAKEN): value for key, value in noted.items()})
        while True:
            events = await self._link.next(MOST_AT_ONCE)
            if not events:
                self._clocks.live()
            messages: list[Arrived] = []
            for event in events:
                if isinstance(event, Arrived):
                    messages.append(event)
                else:
                    await self._messages(messages)
                    messages = []
                    await self._happened(event)
            await self._messages(messages)

    async def _happened(self, event: Event) -> None:
        if isinstance(event, Up):
            await self._connected(event.session)
        elif isinstance(event, Down):
            self._set_up(False)
        elif isinstance(event, Subscribed):
            self._set_up(not event.refused)
            log.info("%s: %d topics are read 已订阅主题", self._settings.name, len(self._settings.topics))
            for refused in event.refused:
                log.error(
                    "%s: the broker does not let us have %s: grant it 服务器不允许订阅", self._settings.name, refused
                )

    async def _connected(self, session: bool) -> None:
        settings = self._settings
        notes: dict[str, str | None] = {SESSION: "1"}
        if session:
            self._clocks.catching_up()
            before = json.loads(await self._notes.get(TOPICS) or "[]")
            if gone := [topic for topic in before if topic not in settings.topics]:
                self._link.unsubscribe(gone)
        else:
            self._clocks.live()
            notes.update({TAKEN + place: None for place in self._redelivery.forget()})
            if settings.broker.session_s and await self._notes.get(SESSION):
                log.warning(
                    "%s: the broker has forgotten our session: what came while we were away is lost. Raise "
                    "session_expiry, and let the broker keep its sessions on its disk "
                    "服务器未保留会话，离线期间的消息已丢失",
                    settings.name,
                )  # fmt: skip
        await self._take([], notes={**notes, TOPICS: json.dumps(list(settings.topics))})
        self._link.subscribe(settings.topics, settings.qos, retained=settings.retained)

    async def _messages(self, messages: Sequence[Arrived]) -> None:
        while messages:
            messages = messages[await self._some(messages) :]

    async def _some(self, messages: Sequence[Arrived]) -> int:
        """Take the first of them, as many as make enough readings, and acknowledge these: how many it were."""
        readings: list[Reading] = []
        unreadable: list[Unreadable] = []
        notes: dict[str, str] = {}
        done = 0
        for each in messages:
            if len(readings) + len(unreadable) >= MOST_READINGS:
                break
            said, done = each.message, done + 1
            if each.qos:
                if each.again and self._redelivery.is_taken(each.packet, said.topic, said.payload):
                    continue
                place, taken = self._redelivery.took(each.packet, said.topic, said.payload)
                notes[TAKEN + place] = taken
            for read in self._read(each):
                if isinstance(read, Reading):
                    readings.append(read)
                else:
                    unreadable.append(read)
        notes.update({CLOCK + device: str(behind) for device, behind in self._clocks.news().items()})
        if readings or unreadable:
            await self._take(readings, notes=notes, unreadable=unreadable)
        for each in messages[:done]:
            self._link.acknowledge(each)
        return done

    def _read(self, arrived: Arrived) -> list[Reading | Unreadable]:
        settings, said = self._settings, arrived.message
        if not any(matches(topic, said.topic) for topic in settings.topics):
            return []
        made = read_message(said, settings.mapping, settings.source, old_state=settings.retained)
        return [self._by_clock(one, arrived) if isinstance(one, Reading) else one for one in made]

    def _by_clock(self, reading: Reading, arrived: Arrived) -> Reading:
        """What the device's clock shows now, from what it showed when the message was sent."""
        said = arrived.message
        if reading.clock_us is None or reading.clock_us == said.arrived:
            return reading
        shows = self._clocks.shows(said.topic, reading.clock_us, said.arrived, old=said.retained)
        body = {name: value for name, value in reading.body.items() if name != "sent_time"}
        return reading._replace(body=body, clock_us=shows)


async def own_client_id(name: str, take: Take, notes: Notes) -> str:
    """The identity under which the broker knows us, made once and kept: a session belongs to it."""
    known = await notes.get(CLIENT_ID)
    if known is None:
        known = f"floorstream-{name}-{uuid4().hex[:12]}"
        await take([], notes={CLIENT_ID: known})
    return known
