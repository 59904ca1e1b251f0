"""A host application of Sparkplug B 3.0: edge nodes on an MQTT broker become what the mapping says.

Every connection begins anew (clean start): what nodes said before is not believed until they were born again. Their
messages come once at most (QoS 0), so what a broker or network loses is seen as a gap in their numbers, and asked for.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from services.adapters.mqtt_link import Arrived, BrokerSettings, Down, Event, MqttLink, Subscribed, Up
from services.adapters.mqtt_topics import MOST_READINGS, own_client_id
from services.core.mapping import RecordMapping
from services.core.reading import MOST_KEPT, Reading, Unreadable
from services.core.sparkplug import Host
from services.core.sparkplug_names import NAMESPACE, AskRebirth, Message, News, Outcome, Unread, read_topic
from services.core.sparkplug_payload import BadSparkplug, read_payload, rebirth_request
from services.core.sparkplug_reading import place, plain, read_news
from services.ports import Notes, Take

log = logging.getLogger("floorstream.edge")

MOST_AT_ONCE = 200


@dataclass(frozen=True)
class SparkplugSettings:
    """One entry of `sparkplug` in the edge file. Without `host_id` we only listen, and nobody waits for us."""

    name: str
    source: str
    broker: BrokerSettings
    groups: Sequence[str]
    host_id: str | None
    reorder_us: int
    mapping: RecordMapping


class SparkplugHost:
    """See ports.Collector."""

    def __init__(self, settings: SparkplugSettings, now_us: Callable[[], int]) -> None:
        """Nothing is connected before run()."""
        self._settings = settings
        self._now_us = now_us
        self._host = Host(settings.reorder_us)
        self._born_ms = 0
        self._up = False

    @property
    def name(self) -> str:
        """See ports.Collector."""
        return self._settings.name

    @property
    def up(self) -> bool:
        """Connected, and all groups were granted."""
        return self._up

    async def run(self, take: Take, notes: Notes) -> None:
        """See ports.Collector."""
        settings = self._settings
        client_id = settings.broker.client_id or await own_client_id(self.name, take, notes)
        broker = replace(settings.broker, client_id=client_id)
        self._host = Host(settings.reorder_us)
        will = None if settings.host_id is None else self._will
        async with MqttLink(self.name, broker, self._now_us, will) as link:
            try:
                while True:
                    await self._events(await link.next(MOST_AT_ONCE), link, take)
            finally:
                self._up = False
                if settings.host_id is not None:
                    await link.last_words(self._state_topic, self._state(False), [self._state_topic, *self._topics])

    async def _events(self, events: Sequence[Event], link: MqttLink, take: Take) -> None:
        readings: list[Reading] = []
        unreadable: list[Unreadable] = []
        for event in events:
            if isinstance(event, Arrived):
                self._sort(self._arrived(event, link), event.message.payload, link, readings, unreadable)
            else:
                self._sort(self._happened(event, link), b"", link, readings, unreadable)
            if len(readings) + len(unreadable) >= MOST_READINGS:
                await take(readings, unreadable=unreadable)
                readings, unreadable = [], []
        self._sort(self._host.tick(self._now_us()), b"", link, readings, unreadable)
        if readings or unreadable:
            await take(readings, unreadable=unreadable)

    def _happened(self, event: Event, link: MqttLink) -> list[Outcome]:
        settings, waited = self._settings, list[Outcome]()
        if isinstance(event, Up):
            waited = self._host.disconnected()
            if settings.host_id is not None:
                link.subscribe([self._state_topic], 1, retained=False)
            link.subscribe(self._topics, 0, retained=False)
        elif isinstance(event, Down):
            self._up = False
            waited = self._host.disconnected()
        elif isinstance(event, Subscribed):
            self._subscribed(event, link)
        return waited

    def _subscribed(self, event: Subscribed, link: MqttLink) -> None:
        self._up = not event.refused
        for refused in event.refused:
            log.error("%s: the broker does not let us have %s: grant it 服务器不允许订阅", self.name, refused)
        if any(topic.endswith("/#") for topic in event.topics):
            log.info("%s: %d groups are read 已订阅", self.name, len(event.topics))
            self._say_online(link)

    def _arrived(self, arrived: Arrived, link: MqttLink) -> list[Outcome | Unreadable]:
        said, source = arrived.message, self._settings.source
        link.acknowledge(arrived)
        if said.topic == self._state_topic:
            if not said.retained and b"false" in said.payload.lower():  # of a former connection of ours
                self._say_online(link)
            return []
        address = read_topic(said.topic)
        if address is None or said.retained:
            return []
        try:
            payload = read_payload(said.payload)
        except BadSparkplug as bad:
            raw = said.payload[:MOST_KEPT]
            return [Unreadable(source, raw, f"{said.topic}: {bad.en}", f"{said.topic}：{bad.zh}")]
        return [*self._host.receive(Message(*address, payload, said.arrived))]

    def _sort(
        self, outcomes: Sequence[Outcome | Unreadable], raw: bytes, link: MqttLink, readings: list[Reading],
        unreadable: list[Unreadable],
    ) -> None:  # fmt: skip
        source = self._settings.source
        known: dict[int, Mapping[str, object]] = {}
        for outcome in outcomes:
            if isinstance(outcome, News):
                if id(outcome.known) not in known:  # once for all news of a message: a birth may have 20,000
                    known[id(outcome.known)] = plain({name: each.value for name, each in outcome.known.items()})
                for made in read_news(outcome, known[id(outcome.known)], self._settings.mapping, source):
                    if isinstance(made, Reading):
                        readings.append(made)
                    else:
                        unreadable.append(made)
            elif isinstance(outcome, AskRebirth):
                where = outcome.address
                log.warning("%s: %s is asked to be born again: %s 请求重新出生", self.name, place(where), outcome.why)
                link.publish(f"{NAMESPACE}/{where.group}/NCMD/{where.node}", rebirth_request(self._now_us() // 1000))
            elif isinstance(outcome, Unread):
                where_said = place(outcome.address)
                words = f"{where_said}: {outcome.en}", f"{where_said}：{outcome.zh}"
                unreadable.append(Unreadable(source, raw[:MOST_KEPT], *words))
            else:
                unreadable.append(outcome)

    @property
    def _topics(self) -> list[str]:
        return [f"{NAMESPACE}/{group}/#" for group in self._settings.groups]

    @property
    def _state_topic(self) -> str:
        return f"{NAMESPACE}/STATE/{self._settings.host_id}"

    def _will(self) -> tuple[str, bytes]:
        """Asked before each connection: will and birth of a connection have the same timestamp."""
        self._born_ms = self._now_us() // 1000
        return self._state_topic, self._state(False)

    def _state(self, online: bool) -> bytes:
        return json.dumps({"online": online, "timestamp": self._born_ms}).encode()

    def _say_online(self, link: MqttLink) -> None:
        if self._settings.host_id is not None:
            link.publish(self._state_topic, self._state(True), qos=1, retain=True)
