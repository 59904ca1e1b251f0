"""A host application of Sparkplug on messages as they come from a broker, without one."""

from typing import cast

import pytest

from services.adapters import mqtt_sparkplug
from services.adapters.mqtt_link import Arrived, BrokerSettings, Down, Event, MqttLink
from services.adapters.mqtt_sparkplug import SparkplugHost, SparkplugSettings
from services.core.mapping import RecordMapping
from services.core.message_reading import BrokerMessage
from services.core.reading import Reading
from tests.integration.sparkplug_node import INT32, STATE_ALIAS, UINT64, metric, payload

MAPPING = RecordMapping.from_document([
    {"when": {"$.metrics.Code": {"exists": True}}, "fields": {"unit_id": {"from": ["$.metrics.Code"]},
     "event_time": {"from": ["$.time"]}, "order_id": {"from": ["$.known.Order"]}}},
])  # fmt: skip
BROKER = BrokerSettings("127.0.0.1", 1, False, "c", 0, 60)


class Link:
    """Nobody is there to hear of it."""

    def acknowledge(self, arrived: Arrived) -> None: ...
    def publish(self, topic: str, payload: bytes) -> None: ...


LINK = cast(MqttLink, Link())


def host() -> SparkplugHost:
    return SparkplugHost(SparkplugSettings("line", "line", BROKER, ["plant"], None, 2_000_000, MAPPING), lambda: 0)


def said(kind: str, content: bytes) -> Arrived:
    device = "/press" if kind.startswith("D") else ""
    return Arrived(1, 0, 0, False, BrokerMessage(f"spBv1.0/plant/{kind}/n{device}", content, 0))


NBIRTH = said("NBIRTH", payload(1_000, 0, metric("bdSeq", 0, UINT64, 1)))
DBIRTH = said("DBIRTH", payload(1_000, 1, metric("Order", 9, INT32, 5), metric("Code", STATE_ALIAS, INT32, 1)))
BEHIND_A_GAP = said("DDATA", payload(2_000, 3, metric("", STATE_ALIAS, INT32, 2)))


async def taken(*events: Event) -> list[Reading]:
    """What is put into the queue of the last of these events."""
    program, found = host(), list[Reading]()

    async def take(readings: list[Reading], **more: object) -> None:
        found[:] = readings

    for event in events:
        found.clear()
        await program._events([event], LINK, take)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("last", [NBIRTH, said("NDEATH", payload(0, None, metric("bdSeq", 0, UINT64, 1))), Down()])
async def test_what_came_behind_a_gap_is_read_with_what_was_known_then_whatever_comes_next(last: Event) -> None:
    [reading] = await taken(NBIRTH, DBIRTH, BEHIND_A_GAP, last)
    assert (reading.body["unit_id"], reading.body["order_id"]) == ("2", "5")


async def test_what_is_known_is_looked_up_once_for_all_instants_of_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[int] = []
    monkeypatch.setattr(mqtt_sparkplug, "plain", lambda known: looked_up.append(len(known)) or dict(known))
    codes = [metric("", STATE_ALIAS, INT32, value) for value in range(50)]
    assert len(await taken(NBIRTH, DBIRTH, said("DDATA", payload(2_000, 2, *codes)))) == 50
    assert looked_up == [1, 2, 2], "one for each message, however many instants it tells of"
