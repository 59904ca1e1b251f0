"""The edge file: YAML text → errors with line and key, in both languages, or the checked document."""

from pydantic import ValidationError

from schemas.edge_document import EdgeDocument, Scanner
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
        if not (document.scanners or document.folders):
            lines.report(
                (), "nothing is read: expected scanners or folders", "没有任何采集项：应有 scanners 或 folders"
            )
        for name, scanner in document.scanners.items():
            _check(lines, name, scanner)
        for name in document.folders:
            if name in document.scanners:
                lines.report(
                    ("folders", name), "a scanner has this name: give another", "已有同名的扫描器：请换一个名称"
                )
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
