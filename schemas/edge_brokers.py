"""Brokers in the edge file: MQTT topics whose messages are JSON, and edge nodes of Sparkplug B."""

from pydantic import Field

from schemas.edge_values import BrokerUrl, FilePath, Line, QoS, TopicFilter, TopicLevel
from schemas.plant_part import Part
from schemas.plant_values import LongDuration, PlantId, YesNo

WEEK_US = 7 * 86_400_000_000
MINUTE_US = 60_000_000
REORDER_US = 2_000_000


class Broker(Part):
    """A broker that speaks MQTT 5.0, and as whom we connect."""

    url: BrokerUrl = Field(description="mqtt://HOST[:1883], or mqtts://HOST[:8883] for TLS")
    user: Line | None = Field(default=None, description="user name; default none")
    password_file: FilePath | None = Field(default=None, description="file with the user's password (mode 600)")
    ca_file: FilePath | None = Field(default=None, description="mqtts: certificates of an authority of your own (PEM)")
    cert_file: FilePath | None = Field(default=None, description="mqtts: our certificate (PEM), if the broker asks")
    key_file: FilePath | None = Field(default=None, description="mqtts: the key of cert_file (PEM, mode 600)")
    client_id: Line | None = Field(
        default=None, description="identity at the broker, never used twice; default one that is kept with the queue"
    )
    keep_alive: LongDuration = Field(
        default=MINUTE_US, json_schema_extra={"default": "60s"},
        description="a connection on which nothing came for so long is looked after, and made anew; default 60s",
    )  # fmt: skip
    source: PlantId | None = Field(
        default=None, description="as whom events are sent where the mapping names no source; default the broker's name"
    )
    mapping: FilePath = Field(description="file that says what messages mean: `events` of schemas/mapping_example.yaml")


class MqttTopics(Broker):
    """Topics of JSON messages. What comes while we are away the broker keeps; what is on our disk is acknowledged."""

    topics: list[TopicFilter] = Field(
        min_length=1, description="topics or filters with + and #; the mapping's `when` may look at $topic[0]"
    )
    qos: QoS = Field(default=1, description="1: the broker repeats what was not acknowledged; 0; default 1")
    session_expiry: LongDuration = Field(
        default=WEEK_US, json_schema_extra={"default": "7d"},
        description="so long the broker keeps messages for us while we are away, within its limits; default 7d",
    )  # fmt: skip
    retained: YesNo = Field(
        default=False, description="true: take retained messages, too; default false: they tell old state, no events"
    )


class SparkplugNodes(Broker):
    """Edge nodes of Sparkplug B 3.0; we are a host application."""

    groups: list[TopicLevel] = Field(default=["+"], description="group ids; default all of them")
    host_id: TopicLevel | None = Field(
        default=None,
        description="we publish spBv1.0/STATE/ID, so that nodes keep what they have while we are away; default: we do "
        "not, and nobody waits for us",
    )
    reorder_timeout: LongDuration = Field(
        default=REORDER_US, json_schema_extra={"default": "2s"},
        description="so long a missing message is waited for before the node is asked to be born again; default 2s",
    )  # fmt: skip
