"""Brokers of the edge file with the mapping files they name."""

from collections.abc import Callable
from pathlib import Path

from schemas.edge_brokers import Broker, MqttTopics, SparkplugNodes
from schemas.edge_values import broker_address
from services.adapters.files.mapped import read_mapping
from services.adapters.mqtt_link import BrokerSettings
from services.adapters.mqtt_sparkplug import SparkplugSettings
from services.adapters.mqtt_topics import TopicsSettings

At = Callable[[str], Path]
LONGEST_KEEP_ALIVE_S = 65_535
LONGEST_SESSION_S = 0xFFFF_FFFE


def topics_settings(name: str, part: MqttTopics, at: At) -> TopicsSettings:
    """One entry of `mqtt`; `at` makes paths absolute. Raises BadFile."""
    session_s = min(max(1, part.session_expiry // 1_000_000), LONGEST_SESSION_S)
    return TopicsSettings(
        name, part.source or name, broker_settings(part, session_s, at), tuple(part.topics), part.qos, part.retained,
        read_mapping(at(part.mapping))[1],
    )  # fmt: skip


def nodes_settings(name: str, part: SparkplugNodes, at: At) -> SparkplugSettings:
    """One entry of `sparkplug`. Raises BadFile."""
    return SparkplugSettings(
        name, part.source or name, broker_settings(part, 0, at), tuple(part.groups), part.host_id, part.reorder_timeout,
        read_mapping(at(part.mapping))[1],
    )  # fmt: skip


def broker_settings(part: Broker, session_s: int, at: At) -> BrokerSettings:
    """How to connect."""
    host, port, tls = broker_address(part.url)
    keep_alive_s = min(max(1, part.keep_alive // 1_000_000), LONGEST_KEEP_ALIVE_S)
    password_file, ca_file, cert_file, key_file = (
        None if file is None else at(file)
        for file in (part.password_file, part.ca_file, part.cert_file, part.key_file)
    )  # fmt: skip
    return BrokerSettings(
        host, port, tls, part.client_id or "", session_s, keep_alive_s, part.user, password_file, ca_file, cert_file,
        key_file,
    )  # fmt: skip
