"""The report of one run: a page that needs nothing but itself, from what stands in latest.json.

bars and whether they are reached │ plots │ every figure │ load, plan, machine
"""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from loadtest.bars import BARS
from loadtest.plots import Line, Row, bars, lines
from loadtest.results import LATEST, number
from loadtest.words import BARRED, CONTENDERS, Words

REPORT = LATEST.with_name("report.html")
OPS = Words("operations", "工序")
STYLE = """
body { font: 15px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: #1b1f24; background: #fff }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem }
p { margin: .3rem 0 .8rem; color: #57606a }
table { border-collapse: collapse; width: 100% } td, th { padding: .25rem .6rem; border-bottom: 1px solid #d8dee4 }
th { text-align: left; font-weight: 600 } .n { text-align: right; font-variant-numeric: tabular-nums }
.yes { color: #116329 } .no { color: #a40e26; font-weight: 600 } .zh { color: #57606a }
svg { width: 100%; height: auto; display: block } svg text { font-size: 13px; fill: #1b1f24 }
svg .label { text-anchor: end } svg .tick { text-anchor: middle; fill: #57606a }
.ours { fill: #0969da } .other { fill: #8c959f } .part { fill: #000; fill-opacity: .28 }
.range { stroke: #1b1f24; stroke-width: 2 } .limit { stroke: #a40e26; stroke-dasharray: 5 4 }
.grid { stroke: #d8dee4 } .line { fill: none !important; stroke-width: 2 }
.line-0 { stroke: #0969da; fill: #0969da } .line-1 { stroke: #bc4c00; fill: #bc4c00 }
.line-2 { stroke: #1a7f37; fill: #1a7f37 } svg text[class^=line] { stroke: none }
"""


class Figures:
    """The measurements by name."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._by_name = {m["name"]: m for m in told["measurements"]}

    def get(self, name: str) -> Mapping[str, Any] | None:
        """The measurement of this name, if it was made."""
        return self._by_name.get(name)

    def row(self, name: str, label: str, *, part: float = 0.0, ours: bool = False) -> Row | None:
        """It as a bar."""
        m = self.get(name)
        if m is None:
            return None
        least, most = m["range"]
        return Row(label, m["value"], least, most, number(m["value"]), part, ours)

    def points(self, prefix: str, suffix: str) -> list[tuple[float, float]]:
        """(n, value) of every `prefix<n>suffix`, n ascending."""
        names = [name for name in self._by_name if name.startswith(prefix) and name.endswith(suffix)]
        found = [(name[len(prefix) : len(name) - len(suffix)], self._by_name[name]["value"]) for name in names]
        return sorted((float(n), value) for n, value in found if n.isdigit())


def write_report(told: Mapping[str, Any], path: Path = REPORT) -> Path:
    """Write the page."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(page(told), encoding="utf-8")
    return path


def page(told: Mapping[str, Any]) -> str:
    """The whole page. `told`: results.document."""
    figures = Figures(told)
    machine = told["machine"]
    begun = (
        f"{told['date']} · {told['commit'][:12]} · {machine['cpu']}, {machine['cores']} × · load {machine['load_1m']}"
    )
    parts = [
        "<h1>floorstream benchmark 性能报告</h1>",
        f"<p>{escape(begun)} · profile 负载 {told['profile_hash']} · {told['seconds']} s</p>",
        _promises(figures), _throughput(figures), _latency(figures, told["series"]), _scale(figures),
        _everything(told), _given(told),
    ]  # fmt: skip
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>floorstream benchmark</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        + "\n".join(part for part in parts if part)
        + "</body></html>\n"
    )


def _head(en: str, zh: str, about: Words | None = None) -> str:
    told = f"<p>{escape(about.en)}<br>{escape(about.zh)}</p>" if about else ""
    return f"<h2>{escape(en)} <span class=zh>{escape(zh)}</span></h2>{told}"


def _promises(figures: Figures) -> str:
    rows = []
    for name, bar in BARS.items():
        m = figures.get(name)
        if m is not None:
            words, reached = BARRED[name], bar.is_reached(m["value"])
            verdict = "<td class=yes>✓ reached 达到</td>" if reached else "<td class=no>✗ missed 未达到</td>"
            rows.append(
                f"<tr><td>{escape(words.en)}<br><span class=zh>{escape(words.zh)}</span></td>"
                f"<td class=n>{'≥' if bar.side == 'least' else '≤'} {number(bar.value)}</td>"
                f"<td class=n>{number(m['value'])}</td><td class=n>{_range(m)}</td>{verdict}</tr>"
            )
    head = "<tr><th>What 内容<th class=n>Bar 指标<th class=n>Median 中位数<th class=n>Range 范围<th></tr>"
    return _head("Promises", "承诺的指标") + f"<table>{head}{''.join(rows)}</table>" if rows else ""


def _throughput(figures: Figures) -> str:
    rate, cost = [], []
    fold = figures.get("fold_alone.us_per_event")
    for name, words in CONTENDERS.items():
        label, ours = words.en, name == "track"
        rate.append(figures.row(f"{name}.events_per_s_core", label, ours=ours))
        mine = figures.get("fold_alone.one_by_one_us_per_event") if name == "faust_idiomatic" else fold
        cost.append(figures.row(f"{name}.us_per_event", label, part=mine["value"] if mine else 0.0, ours=ours))
    return _plot(
        "Events per CPU second", "每 CPU 秒事件数", rate,
        Words("CPU of all threads; the same fold, the same bytes.", "全部线程的 CPU；规则与写出的字节相同。"),
    ) + _plot(
        "CPU of one event, µs", "单个事件的 CPU，微秒", cost,
        Words("Dark: the fold itself. The rest is what the framework costs.", "深色为规则折叠本身，其余为框架开销。"),
    )  # fmt: skip


def _latency(figures: Figures, series: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        figures.row(f"latency.produce_to_{where}.{share}_s", f"scan → {where}, {share}", ours=where != "visit")
        for where in ("visit", "row", "browser")
        for share in ("p50", "p95", "p99")
    ]
    text = _plot(
        "Latency at a steady rate, s", "稳定速率下的延迟，秒", rows,
        Words("From the moment a scan is due to be sent.", "自扫描应发送之时起。"),
    )  # fmt: skip
    told = [Line(s["name"], [(x, y) for x, y in s["points"]]) for s in series if s["points"]]
    if told:
        text += _head("A burst and its end", "突发流量及其恢复")
        text += lines(told[:3], series[0]["x_unit"], series[0]["y_unit"])
    return text


def _scale(figures: Figures) -> str:
    text = ""
    units, kept = Words("units", "单元"), Words("events", "事件")
    for prefix, suffix, about, x, y in (
        ("cost.units_", ".us_per_event", Words("Cost of an event by live units", "事件开销与在制单元数"), units, "µs"),
        ("cost.operations_", ".us_per_event", Words("Cost of an event by operations", "事件开销与工序数"), OPS, "µs"),
        (
            "memory.kept_",
            ".bytes_per_unit",
            Words("Memory of a unit by kept events", "单元内存与保留事件数"),
            kept,
            "B",
        ),
    ):
        points = figures.points(prefix, suffix)
        if points:
            drawn = lines([Line("", points)], f"{x.en} {x.zh}", y, logarithmic=not prefix.startswith("memory"))
            text += _head(*about) + drawn
    return text


def _plot(en: str, zh: str, rows: Sequence[Row | None], about: Words) -> str:
    there = [row for row in rows if row is not None]
    return _head(en, zh, about) + bars(there) if there else ""


def _range(m: Mapping[str, Any]) -> str:
    least, most = m["range"]
    return f"{number(least)} – {number(most)}"


def _everything(told: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(m['name'])}</code></td><td class=n>{number(m['value'])}</td>"
        f"<td class=n>{_range(m)}</td><td>{escape(m['unit'])}</td></tr>"
        for m in told["measurements"]
    )
    return _head("Every figure", "全部数据") + f"<table>{rows}</table>"


def _given(told: Mapping[str, Any]) -> str:
    text = ""
    for en, zh, values in (
        ("Load", "负载", told["profile"]), ("Plan", "规模", told["plan"]), ("Machine", "机器", told["machine"])
    ):  # fmt: skip
        rows = "".join(
            f"<tr><td><code>{escape(k)}</code></td><td>{escape(str(v))}</td></tr>" for k, v in values.items()
        )
        text += _head(en, zh) + f"<table>{rows}</table>"
    return text
