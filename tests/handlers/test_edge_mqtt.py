"""The connection with an MQTT broker, as far as no broker is needed."""

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from services.adapters.mqtt_link import BrokerSettings, MqttLink, Subscribed

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
