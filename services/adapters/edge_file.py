"""Reads the edge file and what it names; relative paths in it begin at its folder."""

from pathlib import Path

from schemas.edge import EdgeError, load_edge
from schemas.edge_document import EdgeDocument, Scanner
from schemas.edge_values import host_and_port
from schemas.plant_document import Identifiers
from services.adapters.edge_brokers import nodes_settings, topics_settings
from services.adapters.edge_folders import folder_settings
from services.adapters.front_door import FrontDoor
from services.adapters.scanner_reads import ReadSettings
from services.adapters.serial_scanner import SerialSettings
from services.adapters.tcp_scanner import ScannerSettings
from services.core.records import BadFile

DEFAULT_SPEED, DEFAULT_FRAMING = 9600, "8N1"


class BadEdge(Exception):
    """The edge file cannot be used; the message names file, line and key."""


class EdgeFile:
    """The checked file with its mapping files. `spool_directory` and all paths are absolute."""

    def __init__(self, path: Path) -> None:
        """Reads it; raises BadEdge."""
        self._folder = path.resolve().parent
        self.document = _read(path)
        self.spool_directory = self._at(self.document.spool.directory)
        try:
            self.folders = [folder_settings(name, part, self._at) for name, part in self.document.folders.items()]
            self.topics = [topics_settings(name, part, self._at) for name, part in self.document.mqtt.items()]
            self.nodes = [nodes_settings(name, part, self._at) for name, part in self.document.sparkplug.items()]
        except BadFile as error:
            raise BadEdge(str(error)) from None

    def front_door(self) -> FrontDoor:
        """The server of the file. Raises BadEdge."""
        server = self.document.server
        keys = {name: self._at(s.key_file) for name, s in self.document.sources.items() if s.key_file is not None}
        default = None if server.key_file is None else self._at(server.key_file)
        ca_file = None if server.ca_file is None else self._at(server.ca_file)
        try:
            return FrontDoor(server.url, keys, default, ca_file, server.proxy)
        except (OSError, ValueError) as error:
            raise BadEdge(f"server: {ca_file or server.url}: {error}") from None

    def scanners(self) -> list[ScannerSettings]:
        """The scanners on the network."""
        parts = self.document.scanners.items()
        return [_scanner(name, scanner) for name, scanner in parts if scanner.device is None]

    def serial_scanners(self) -> list[SerialSettings]:
        """The scanners on serial lines."""
        parts = self.document.scanners.items()
        return [
            _serial(name, scanner, str(self._at(scanner.device)))
            for name, scanner in parts
            if scanner.device is not None
        ]

    def _at(self, path: str) -> Path:
        return self._folder / Path(path).expanduser()


def _read(path: Path) -> EdgeDocument:
    try:
        return load_edge(path.read_text("utf-8-sig"))
    except OSError as error:
        raise BadEdge(f"{path} cannot be read: {error.strerror} 无法读取") from None
    except UnicodeDecodeError:
        raise BadEdge(f"{path}: not UTF-8 不是 UTF-8") from None
    except EdgeError as error:
        raise BadEdge("\n".join(f"{path}:{p.line}: {p.key}: {p.en} / {p.zh}" for p in error.problems)) from None


def _reads(name: str, scanner: Scanner) -> ReadSettings:
    within = scanner.heard_within
    return ReadSettings(
        name, scanner.source or name, scanner.read_point, scanner.read_points,
        scanner.identifiers is Identifiers.GS1, frozenset(scanner.ignore), scanner.encoding,
        None if within is None else within / 1e6,
    )  # fmt: skip


def _scanner(name: str, scanner: Scanner) -> ScannerSettings:
    address = scanner.connect if scanner.listen is None else scanner.listen
    assert address is not None
    host, port = host_and_port(address)
    return ScannerSettings(_reads(name, scanner), host, port, scanner.listen is not None)


def _serial(name: str, scanner: Scanner, device: str) -> SerialSettings:
    speed, framing = scanner.speed or DEFAULT_SPEED, scanner.framing or DEFAULT_FRAMING
    return SerialSettings(_reads(name, scanner), device, speed, framing)
