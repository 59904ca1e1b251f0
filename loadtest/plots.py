"""Small plots as SVG text: bars with their ranges, and lines. Nothing is loaded from anywhere."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH = 860
LABEL, FIGURE = 250, 150
"""Room for a bar's name on its left, and for its figure on its right."""
ROW, BAR = 30, 18
PLOT_HEIGHT, MARGIN_X, MARGIN_Y = 240, 64, 40


class Row(NamedTuple):
    """A bar: its length, the range behind it, and what of its length is another colour (from the left)."""

    label: str
    value: float
    least: float
    most: float
    figure: str
    part: float = 0.0
    ours: bool = False


def bars(rows: Sequence[Row], limit: float | None = None) -> str:
    """Bars from the left, each with its range as a thin line; `limit` as a dashed one across all."""
    most = max([row.most for row in rows] + ([limit] if limit is not None else [])) or 1.0
    wide, height = WIDTH - LABEL - FIGURE, ROW * len(rows) + 8

    def x(value: float) -> float:
        return LABEL + wide * max(0.0, value) / most

    drawn = []
    for number, row in enumerate(rows):
        top = ROW * number + 6
        middle = top + BAR / 2
        kind = "ours" if row.ours else "other"
        drawn.append(f'<text x="{LABEL - 10}" y="{middle + 5:.1f}" class="label">{escape(row.label)}</text>')
        drawn.append(_box(LABEL, top, x(row.value) - LABEL, kind))
        if row.part:
            drawn.append(_box(LABEL, top, x(row.part) - LABEL, "part"))
        drawn.append(f'<path d="M{x(row.least):.1f} {middle:.1f}H{x(row.most):.1f}" class="range"/>')
        drawn.append(f'<text x="{x(row.most) + 8:.1f}" y="{middle + 5:.1f}">{escape(row.figure)}</text>')
    if limit is not None:
        drawn.append(f'<path d="M{x(limit):.1f} 0V{height}" class="limit"/>')
    return _svg(height, drawn)


def _box(left: float, top: float, wide: float, kind: str) -> str:
    return f'<rect x="{left}" y="{top}" width="{max(wide, 0.5):.1f}" height="{BAR}" class="{kind}"/>'


class Line(NamedTuple):
    """A line through points (x, y), x ascending."""

    label: str
    points: Sequence[tuple[float, float]]


def lines(drawn: Sequence[Line], x_unit: str, y_unit: str, *, logarithmic: bool = False) -> str:
    """Lines over one axis; `logarithmic`: the x axis in powers of ten."""
    every = [point for line in drawn for point in line.points]
    lowest, highest = min(x for x, _ in every), max(x for x, _ in every)
    top = nice(max(y for _, y in every))

    def place(x: float, y: float) -> str:
        low, at, high = (math.log10(max(v, 1e-9)) if logarithmic else v for v in (lowest, x, highest))
        share = (at - low) / (high - low) if high > low else 0.5
        left = MARGIN_X + share * (WIDTH - 2 * MARGIN_X)
        return f"{left:.1f} {PLOT_HEIGHT - MARGIN_Y - y / top * (PLOT_HEIGHT - MARGIN_Y - 16):.1f}"

    parts = []
    for step in range(5):
        value = top * step / 4
        _, height = place(lowest, value).split()
        parts.append(f'<path d="M{MARGIN_X} {height}H{WIDTH - MARGIN_X}" class="grid"/>')
        parts.append(f'<text x="{MARGIN_X - 8}" y="{float(height) + 4:.1f}" class="label">{value:g}</text>')
    for at in sorted({lowest, highest, *(x for x, _ in every)} if len(every) < 12 else {lowest, highest}):
        left = place(at, 0).split()[0]
        parts.append(f'<text x="{left}" y="{PLOT_HEIGHT - MARGIN_Y + 18}" class="tick">{at:,.0f}</text>')
    for number, line in enumerate(drawn):
        path = "L".join(place(x, y) for x, y in line.points)
        parts.append(f'<path d="M{path}" class="line line-{number}"/>')
        parts.append(
            f'<text x="{MARGIN_X + 8 + 230 * number}" y="12" class="line-{number}">{escape(line.label)}</text>'
        )
        if len(line.points) < 12:
            for x, y in line.points:
                left, height = place(x, y).split()
                parts.append(f'<circle cx="{left}" cy="{height}" r="3" class="line-{number}"/>')
    parts.append(
        f'<text x="{WIDTH / 2}" y="{PLOT_HEIGHT - 4}" class="tick">{escape(x_unit)} · ↑ {escape(y_unit)}</text>'
    )
    return _svg(PLOT_HEIGHT, parts)


def nice(value: float) -> float:
    """The least of 1, 2, 4, 5, 8, 10 times a power of ten that is not below the value."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value * 0.999999)


def _svg(height: float, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img">{"".join(parts)}</svg>'
