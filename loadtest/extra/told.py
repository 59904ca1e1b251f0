"""What the runs come to: figures as in results/latest.json, and beside them what each row promises at its setting."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from loadtest.extra.jobs import RULES, STAYS
from loadtest.extra.rows import ROOT, TRACK, Row
from loadtest.load import Profile
from loadtest.results import Found, Measurement, document, measurement, number

RESULTS = ROOT / "loadtest" / "results" / "extra.json"
HEAD = (
    "", "events/s", "per CPU second (range)", "to ours", "second half", "start included", "a crash undoes at most",
    "guarantee", "version",
)  # fmt: skip


@dataclass(frozen=True)
class Timed:
    """A run that counts. `process_cpu_s`: of the whole process, its start too.

    `half_…`: the second half of the log alone, where a run tells it: by then Java has compiled what is hot.
    """

    name: str
    job: str
    events: int
    cpu_s: float
    wall_s: float
    process_cpu_s: float
    half_events: int
    half_cpu_s: float

    @property
    def rate(self) -> float:
        """Events per CPU second."""
        return self.events / self.cpu_s


def measurements(runs: Sequence[Timed]) -> list[Found]:
    """Medians and ranges of every name, and the ratio to the median of our engine on the same job, where that ran."""
    found: list[Found] = []
    for name in dict.fromkeys(run.name for run in runs):
        mine = [run for run in runs if run.name == name]
        track = [run.rate for run in runs if run.name == TRACK[mine[0].job]]
        halves = [run.half_events / run.half_cpu_s for run in mine if run.half_cpu_s]
        found += [
            measurement(f"{name}.events_per_s", "events/s", [run.events / run.wall_s for run in mine]),
            measurement(f"{name}.events_per_s_core", "events/CPU s", [run.rate for run in mine]),
            measurement(
                f"{name}.events_per_s_core_with_start", "events/CPU s", [run.events / run.process_cpu_s for run in mine]
            ),
        ]
        if halves:
            found.append(measurement(f"{name}.events_per_s_core_second_half", "events/CPU s", halves))
        if track:
            found.append(measurement(f"{name}.ratio_to_track", "", [run.rate / median(track) for run in mine]))
    return found


def tables(rows: Sequence[Row], found: Sequence[Found]) -> str:
    """A table a job."""
    return "\n\n".join(f"{job}\n\n{table([row for row in rows if row.job == job], found)}" for job in (STAYS, RULES))


def table(rows: Sequence[Row], found: Sequence[Found]) -> str:
    """For people: Markdown, so that it can stand in a text."""
    figures = {each.name: each for each in found if isinstance(each, Measurement)}
    lines = [HEAD, ("---",) * len(HEAD)]
    for row in rows:
        each = figures.get(f"{row.name}.events_per_s_core")
        if each is None:
            continue
        ratio, half = (
            figures.get(f"{row.name}.{what}") for what in ("ratio_to_track", "events_per_s_core_second_half")
        )
        lines.append((
            row.name, number(figures[f"{row.name}.events_per_s"].value),
            f"{number(each.value)} ({number(each.least)} to {number(each.most)})", number(ratio.value) if ratio else "",
            number(half.value) if half else "", number(figures[f"{each.name}_with_start"].value),
            row.durable, row.guarantee, f"{row.package} {row.version()}",
        ))  # fmt: skip
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def earlier(profile: Profile) -> list[Timed]:
    """The runs under the same load that results/extra.json tells of."""
    if not RESULTS.exists():
        return []
    told = json.loads(RESULTS.read_text(encoding="utf-8"))
    return [Timed(**run) for run in told["runs"]] if told["profile_hash"] == profile.hash else []


def write(profile: Profile, rows: Sequence[Row], runs: Sequence[Timed], found: Sequence[Found], seconds: float) -> None:
    """All of it into results/extra.json."""
    told = document(asdict(profile), {}, profile.hash, found, seconds)
    told["runs"] = [asdict(run) for run in runs]
    told["rows"] = [
        {"name": row.name, "durable": row.durable, "guarantee": row.guarantee, "package": row.package,
         "version": row.version()}
        for row in rows if any(run.name == row.name for run in runs)
    ]  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
