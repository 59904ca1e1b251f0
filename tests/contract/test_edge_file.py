"""The edge file: every error with line and key in both languages, and what the command says."""

from pathlib import Path

import pytest

from schemas.edge import EdgeError, load_edge
from services.adapters.edge_file import EdgeFile
from services.adapters.front_door import BadKey, read_key
from services.cli import main

SERVER = "server: {url: 'http://127.0.0.1:8080'}\n"
SCANNER = SERVER + "scanners:\n  a: "
BROKER = SERVER + "mqtt:\n  a: "
NODES = SERVER + "sparkplug:\n  a: "
PLAIN = "url: 'mqtt://x', topics: [a], mapping: m"


def test_the_example_is_right_and_paths_begin_at_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "edge.yaml"
    assert main(["edge", "new", str(file)]) == 0
    assert main(["edge", "new", str(file)]) == 1
    assert main(["edge", "check", str(file)]) == 0
    assert "2 scanners" in capsys.readouterr().out
    edge = EdgeFile(file)
    assert edge.spool_directory == tmp_path / "spool"
    connects, listens = edge.scanners()
    assert (connects.host, connects.port, connects.listens, connects.reads.source) == (
        "192.168.0.10",
        2112,
        False,
        "gate-1",
    )
    assert (listens.listens, listens.reads.source, listens.reads.heard_within_s) == (True, "gate", 600.0)


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("", 1, "(file)", "empty"),
        (SERVER, 1, "(file)", "nothing is read"),
        ("scanners: {a: {listen: '0:1', read_point: R}}", 1, "server", "missing"),
        ("server: {url: 'ftp://x'}", 1, "server.url", "https://"),
        ("server: {url: 'http://u:p@x'}", 1, "server.url", "https://"),
        (SERVER + "spool: {max_bytes: 10}", 2, "spool.max_bytes", "500MB"),
        (SERVER + "metrics_port: 0", 2, "metrics_port", "65535"),
        (SCANNER + "{read_point: R}", 3, "scanners.a", "`listen` or `device`"),
        (SCANNER + "{listen: '0.0.0.0:1', connect: 'h:1', read_point: R}", 3, "scanners.a", "`listen` or `device`"),
        (SCANNER + "{listen: '0.0.0.0', read_point: R}", 3, "scanners.a.listen", "HOST:PORT"),
        (SCANNER + "{listen: '0.0.0.0:4000'}", 3, "scanners.a", "read_point"),
        (SCANNER + "{connect: 'h:1', read_points: {x: R}}", 3, "scanners.a.read_points", "listen"),
        (SCANNER + "{connect: 'h:1', speed: 9600, read_point: R}", 3, "scanners.a.speed", "needs `device`"),
        (SCANNER + "{device: /dev/ttyS0, speed: 9601, read_point: R}", 3, "scanners.a.speed", "9600"),
        (SCANNER + "{device: /dev/ttyS0, framing: 9N1, read_point: R}", 3, "scanners.a.framing", "8N1"),
        (SERVER + "folders: {a: {files: '*.csv'}}", 2, "folders.a.path", "missing"),
        (SERVER + "folders: {a: {path: x, settled_after: 0s}}", 2, "folders.a.settled_after", "longer than 0"),
        (SCANNER + "{connect: 'h:1', read_point: R}\nfolders: {a: {path: x}}", 4, "folders.a", "has this name"),
        (SCANNER + "{conect: 'h:1', read_point: R}", 3, "scanners.a.conect", "did you mean `connect`"),
        (SCANNER + "{connect: 'h:1', read_point: R, encoding: gbk}", 3, "scanners.a.encoding", "gb18030"),
        (BROKER + "{url: 'tcp://x', topics: [a], mapping: m}", 3, "mqtt.a.url", "mqtts://"),
        (BROKER + "{url: 'mqtt://u:p@x', topics: [a], mapping: m}", 3, "mqtt.a.url", "mqtts://"),
        (BROKER + "{url: 'mqtt://x', topics: [a+/b], mapping: m}", 3, "mqtt.a.topics[0]", "whole level"),
        (BROKER + "{url: 'mqtt://x', topics: ['#/b'], mapping: m}", 3, "mqtt.a.topics[0]", "at the end only"),
        (BROKER + "{url: 'mqtt://x', topics: [], mapping: m}", 3, "mqtt.a.topics", "at least 1"),
        (BROKER + "{url: 'mqtt://x', topics: [a]}", 3, "mqtt.a.mapping", "missing"),
        (BROKER + f"{{{PLAIN}, qos: 2}}", 3, "mqtt.a.qos", "one of 0, 1"),
        (BROKER + f"{{{PLAIN}, password_file: p}}", 3, "mqtt.a.password_file", "needs `user`"),
        (BROKER + f"{{{PLAIN}, ca_file: p}}", 3, "mqtt.a.ca_file", "mqtts://"),
        (BROKER + "{url: 'mqtts://x', topics: [a], mapping: m, cert_file: c}", 3, "mqtt.a", "both"),
        (SCANNER + f"{{connect: 'h:1', read_point: R}}\nmqtt: {{a: {{{PLAIN}}}}}", 4, "mqtt.a", "has this name"),
        (NODES + "{url: 'mqtt://x', mapping: m, host_id: a/b}", 3, "sparkplug.a.host_id", "without /"),
        (BROKER + f"{{{PLAIN}}}\nsparkplug: {{a: {{url: 'mqtt://x', mapping: m}}}}", 4, "sparkplug.a", "has this name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line_and_key(text: str, line: int, key: str, words: str) -> None:
    with pytest.raises(EdgeError) as error:
        load_edge(text)
    (problem,) = error.value.problems
    assert (problem.line, problem.key) == (line, key)
    assert words in problem.en
    assert any(character >= "\u4e00" for character in problem.zh)


def test_a_folder_has_its_mapping_file_read_and_a_serial_line_its_defaults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "edge.yaml"
    text = (
        SCANNER + "{device: ttyS0, read_point: R}\nfolders: {mes: {path: in, mapping: mes.yaml, settled_after: 3s}}\n"
    )
    file.write_text(text)
    assert main(["edge", "check", str(file)]) == 1
    assert "mes.yaml cannot be read" in capsys.readouterr().out
    (tmp_path / "mes.yaml").write_text("events:\n  - fields: {unit_id: a, event_time: b, colour: c}")
    assert main(["edge", "check", str(file)]) == 1
    assert "mes.yaml:2: events[0].fields.colour" in capsys.readouterr().out
    (tmp_path / "mes.yaml").write_text("events:\n  - fields: {unit_id: a, event_time: b}")
    assert main(["edge", "check", str(file)]) == 0
    assert "1 scanners, 1 folders" in capsys.readouterr().out
    edge = EdgeFile(file)
    [folder], [serial] = edge.folders, edge.serial_scanners()
    assert (folder.directory, folder.settled_s, folder.source) == (tmp_path / "in", 3.0, "mes")
    assert (serial.device, serial.speed, serial.framing) == (str(tmp_path / "ttyS0"), 9600, "8N1")
    assert edge.scanners() == []


def test_a_broker_is_read_with_its_mapping(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, rules = tmp_path / "edge.yaml", tmp_path / "m"
    file.write_text(BROKER + f"{{{PLAIN}, session_expiry: 60d}}")
    assert main(["edge", "check", str(file)]) == 1
    assert "m cannot be read" in capsys.readouterr().out
    rules.write_text("events:\n  - fields: {unit_id: $.u, event_time: $.., read_point_id: '$topic[0]'}\n")
    assert main(["edge", "check", str(file)]) == 1
    assert f"{rules}:2: events[0].fields.event_time" in capsys.readouterr().out
    rules.write_text("events:\n  - fields: {unit_id: $.u, event_time: $.t, read_point_id: '$topic[0]'}\n")
    assert main(["edge", "check", str(file)]) == 0
    assert "1 brokers" in capsys.readouterr().out
    [settings] = EdgeFile(file).topics
    assert (settings.name, settings.source, settings.topics, settings.qos) == ("a", "a", ("a",), 1)
    assert not settings.retained
    broker = settings.broker
    assert (broker.host, broker.port, broker.tls, broker.keep_alive_s) == ("x", 1883, False, 60)
    assert broker.session_s == 60 * 86_400


def test_a_file_that_cannot_be_used_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edge", "check", str(tmp_path / "absent.yaml")]) == 1
    assert main(["edge"]) == 2
    assert "--config" in capsys.readouterr().err


def test_a_key_that_others_can_read_is_not_used_and_no_message_repeats_one(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("id.SECRET\n")
    file.chmod(0o644)
    with pytest.raises(BadKey, match="chmod 600"):
        read_key(file)
    file.chmod(0o600)
    assert read_key(file) == "id.SECRET"
    file.write_text("id.SECRET id2.SECRET")
    with pytest.raises(BadKey) as error:
        read_key(file)
    assert "SECRET id2" not in str(error.value)
