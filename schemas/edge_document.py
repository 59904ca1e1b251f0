"""The edge file as people write it: which devices are read, whose events they are, and where these go.

server, sources ▸ key files
spool, metrics_port
scanners by name
folders by name: files of others
mqtt by name: brokers with JSON topics
sparkplug by name: brokers with edge nodes of Sparkplug B
"""

from pydantic import Field

from schemas.edge_brokers import MqttTopics, SparkplugNodes
from schemas.edge_folders import Folder
from schemas.edge_values import Encoding, FilePath, Framing, HostPort, Line, Port, Size, Speed, Url
from schemas.plant_document import Identifiers
from schemas.plant_part import Part
from schemas.plant_values import LongDuration, PlantId

DEFAULT_SPOOL_BYTES = 2 << 30


class Server(Part):
    """Where events go."""

    url: Url = Field(description="address of the front door, such as https://floor.example:8080")
    key_file: FilePath | None = Field(
        default=None, description="file with the API key ID.SECRET (mode 600), for sources that have none of their own"
    )
    ca_file: FilePath | None = Field(default=None, description="certificates of an authority of your own (PEM)")
    proxy: Url | None = Field(default=None, description="HTTP proxy on the way; default none")


class EdgeSource(Part):
    """Whose events these are for the server; with keys, the key decides it."""

    key_file: FilePath | None = Field(default=None, description="file with the API key of this source (mode 600)")


class SpoolPart(Part):
    """The queue on the disk."""

    directory: FilePath = Field(default="spool", description="a directory of its own; default spool")
    max_bytes: Size = Field(
        default=DEFAULT_SPOOL_BYTES,
        json_schema_extra={"default": "2GiB"},
        description="most it may hold; a full queue makes collectors wait, nothing is dropped; default 2GiB",
    )


class Scanner(Part):
    """A reader on the network or a serial line that sends a line of text for every read."""

    connect: HostPort | None = Field(default=None, description="the scanner listens there, and we connect")
    listen: HostPort | None = Field(default=None, description="we listen here, and scanners connect")
    device: FilePath | None = Field(
        default=None, description="the scanner is on this serial line, such as /dev/serial/by-id/usb-…"
    )
    speed: Speed | None = Field(default=None, description="device: bits per second; default 9600")
    framing: Framing | None = Field(default=None, description="device: bits, parity, stop bits; default 8N1")
    source: PlantId | None = Field(default=None, description="as whom the reads are sent; default the scanner's name")
    read_point: PlantId | None = Field(default=None, description="read_point_id of every read")
    read_points: dict[Line, PlantId] = Field(
        default={}, description="listen: read_point_id by the IP address of the scanner; wins over read_point"
    )
    identifiers: Identifiers = Field(
        default=Identifiers.TEXT,
        description="gs1: codes go as scanned, for a source that is gs1 in the plant model; text: a symbology "
        "identifier such as ]A0 is taken away; default text",
    )
    ignore: list[Line] = Field(default=[], description="lines that are no reads, such as a heartbeat or NoRead")
    encoding: Encoding = Field(default="utf-8", description="of the lines; default utf-8")
    heard_within: LongDuration | None = Field(
        default=None,
        description="a connection on which nothing came for so long is closed and made anew; default never",
    )


class EdgeDocument(Part):
    """The edge file."""

    server: Server = Field(description="where events go")
    sources: dict[PlantId, EdgeSource] = Field(default={}, description="keys of sources")
    spool: SpoolPart = Field(default=SpoolPart(), description="the queue on the disk")
    metrics_port: Port | None = Field(default=None, description="port on 127.0.0.1 that answers /metrics; default none")
    scanners: dict[PlantId, Scanner] = Field(default={}, description="scanners by name")
    folders: dict[PlantId, Folder] = Field(default={}, description="watched folders by name")
    mqtt: dict[PlantId, MqttTopics] = Field(default={}, description="brokers whose topics hold JSON, by name")
    sparkplug: dict[PlantId, SparkplugNodes] = Field(default={}, description="brokers with Sparkplug nodes, by name")
