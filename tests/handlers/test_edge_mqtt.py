"""Messages of an MQTT broker, as far as no broker is needed."""

import json
from collections.abc import Mapping, Sequence
from typing import cast

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from services.adapters.mqtt_link import Arrived, BrokerSettings, MqttLink, Subscribed
from services.adapters.mqtt_topics import MOST_READINGS, TopicsSettings, _Session
from services.core.device_clocks import DeviceClocks
from services.core.mapping import RecordMapping
from services.core.message_reading import BrokerMessage
from services.core.reading import Reading
from services.ports import Notes

BROKER = BrokerSettings("127.0.0.1", 1, False, "c", 60, 60)


@pytest.mark.parametrize(
    ("qos", "granted", "refused"),
    [(1, 1, []), (1, 0, ["a: Granted QoS 0"]), (0, 0, []), (0, 135, ["a: Not authorized"])],
)
async def test_a_topic_that_is_granted_at_less_than_was_asked_for_is_refused(
    qos: int, granted: int, refused: list[str]
) -> None:
    link = MqttLink("line", BROKER, lambda: 0)
    link._asked[7] = ["a"], qos
    link._answer(7, [ReasonCode(PacketTypes.SUBACK, identifier=granted)])
    assert await link.next(1) == [Subscribed(["a"], refused)]


async def test_messages_of_very_many_readings_are_taken_a_few_at_a_time_and_acknowledged_behind() -> None:
    calls: list[int] = []
    taken_at: list[int] = []

    class Link:
        def acknowledge(self, arrived: Arrived) -> None:
            taken_at.append(len(calls))

    async def take(readings: Sequence[Reading], *, notes: Mapping[str, str | None], **more: object) -> None:
        assert len([key for key in notes if key.startswith("taken/")]) * MOST_READINGS // 2 == len(readings)
        calls.append(len(readings))

    each = RecordMapping.from_document([{"each": "$[*]", "fields": {"unit_id": {"from": ["@"]}}}])
    settings = TopicsSettings("line", "line", BROKER, ["a"], 1, False, each)
    link, notes = cast(MqttLink, Link()), cast(Notes, None)
    session = _Session(settings, link, take, notes, DeviceClocks({}), lambda up: None)  # type: ignore[arg-type]
    many = json.dumps([f"U{number}" for number in range(MOST_READINGS // 2)]).encode()
    await session._messages([Arrived(1, packet, 1, False, BrokerMessage("a", many, 0)) for packet in range(5)])
    assert calls == [MOST_READINGS, MOST_READINGS, MOST_READINGS // 2]
    assert taken_at == [1, 1, 2, 2, 3]
