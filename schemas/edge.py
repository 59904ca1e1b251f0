"""The edge file: YAML text → errors with line and key, in both languages, or the checked document."""

from collections.abc import Mapping

from pydantic import ValidationError

from schemas.edge_brokers import Broker
from schemas.edge_document import EdgeDocument, Scanner
from schemas.edge_values import broker_address
from schemas.plant_lines import Lines, Problem, read_lines
from schemas.plant_report import report


class EdgeError(ValueError):
    """An edge file with errors; `problems` in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(f"line {p.line}: {p.key}: {p.en}" for p in self.problems))


def load_edge(text: str) -> EdgeDocument:
    """The checked document; raises EdgeError."""
    lines = read_lines(text)
    if lines.value is None and not lines.problems:
        lines.report((), "the file is empty: it needs `server`", "文件为空：须有 server")
    document = None
    if not lines.problems:
        try:
            document = EdgeDocument.model_validate(lines.value)
        except ValidationError as error:
            report(lines, error, EdgeDocument)
    if document is not None:
        if not (document.scanners or document.folders or document.mqtt or document.sparkplug):
            lines.report(
                (), "nothing is read: expected scanners, folders, mqtt or sparkplug",
                "没有任何采集项：应有 scanners、folders、mqtt 或 sparkplug",
            )  # fmt: skip
        for name, scanner in document.scanners.items():
            _check(lines, name, scanner)
        for name in document.folders:
            if name in document.scanners:
                lines.report(
                    ("folders", name), "a scanner has this name: give another", "已有同名的扫描器：请换一个名称"
                )
        _check_brokers(lines, document)
    if document is None or lines.problems:
        raise EdgeError(lines.problems)
    return document


def _check(lines: Lines, name: str, scanner: Scanner) -> None:
    path = ("scanners", name)
    if sum(way is not None for way in (scanner.connect, scanner.listen, scanner.device)) != 1:
        lines.report(path, "expected one of `connect`, `listen` or `device`", "应有 connect、listen 或 device 之一")
    for key in ("speed", "framing"):
        if getattr(scanner, key) is not None and scanner.device is None:
            lines.report((*path, key), "only of a serial line: needs `device`", "仅用于串口：须有 device")
    if scanner.read_point is None and not scanner.read_points:
        lines.report(path, "expected `read_point`: what a read here means", "应有 read_point：此处的读取对应哪个读取点")
    if scanner.read_points and scanner.listen is None:
        lines.report((*path, "read_points"), "needs `listen`: use `read_point`", "仅用于 listen：请使用 read_point")


def _check_brokers(lines: Lines, document: EdgeDocument) -> None:
    taken = {*document.scanners, *document.folders}
    parts: tuple[tuple[str, Mapping[str, Broker]], ...] = (("mqtt", document.mqtt), ("sparkplug", document.sparkplug))
    for section, brokers in parts:
        for name, broker in brokers.items():
            _check_broker(lines, (section, name), broker)
            if name in taken:
                lines.report((section, name), "another has this name: give a new one", "名称已被使用：请换一个")
            taken.add(name)


def _check_broker(lines: Lines, path: tuple[str, str], broker: Broker) -> None:
    if broker.password_file is not None and broker.user is None:
        lines.report((*path, "password_file"), "needs `user`", "须同时给出 user")
    if (broker.cert_file is None) is not (broker.key_file is None):
        lines.report(path, "expected both of `cert_file` and `key_file`", "cert_file 与 key_file 须同时给出")
    for key in ("ca_file", "cert_file", "key_file"):
        if getattr(broker, key) is not None and not broker_address(broker.url)[2]:
            lines.report((*path, key), "needs TLS: write mqtts://", "需要 TLS：请使用 mqtts://")
