"""The benchmark: `make bench-quick` (8 min at most), `make bench` (an hour at most), `--only store,latency` for parts.

Every section measures what it says and checks the output of each timed run before its figure counts; a wrong one ends
the whole with exit code 1 and no figure. A section whose parts are missing on this machine is said and left out.
Figures go to loadtest/results/latest.json and, with plots, to loadtest/results/report.html.
"""

import argparse
import asyncio
import importlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from loadtest.bench_floor import WrongResult
from loadtest.load import Profile
from loadtest.report import write_report
from loadtest.results import Found, document, table, write
from loadtest.sections import Bench, Plan
from loadtest.stage import NoFigure
from services.embedded.errors import EmbeddedError

SECTIONS = ("track", "workers", "store", "ingest", "latency", "scale")
"""In this order; each is loadtest/bench_NAME.py with `measure`."""


def say(text: str) -> None:
    """A line of progress."""
    print(text, flush=True)


async def measure(bench: Bench, sections: Sequence[str]) -> list[Found]:
    """The figures of these sections. Raises WrongResult."""
    found: list[Found] = []
    for number, name in enumerate(sections, 1):
        begun = time.monotonic()
        say(f"── {name} ({number} of {len(sections)})")
        try:
            found += await importlib.import_module(f"loadtest.bench_{name}").measure(bench)
        except EmbeddedError as missing:
            say(f"── {name} is left out: {missing}")
        else:
            say(f"── {name}: {time.monotonic() - begun:.0f} s")
    return found


def chosen(text: str) -> tuple[str, ...]:
    """Names of sections, with commas."""
    names = tuple(text.split(","))
    strange = [name for name in names if name not in SECTIONS]
    if strange:
        raise argparse.ArgumentTypeError(f"no section {', '.join(strange)}; there are {', '.join(SECTIONS)}")
    return names


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 when a run's output was wrong."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", choices=("quick", "full"), default="full")
    parser.add_argument("--only", type=chosen, default=SECTIONS, metavar="SECTION,…", help=", ".join(SECTIONS))
    parser.add_argument("--events", type=int)
    parser.add_argument("--rounds", type=int)
    given = parser.parse_args(words)
    changes: Mapping[str, int] = {k: v for k in ("events", "rounds") if (v := getattr(given, k)) is not None}
    begun = time.monotonic()
    bench = Bench(given.size, Profile.read(given.size, changes), Plan.read(given.size), say)
    profile = bench.profile
    say(f"profile {profile.hash}: {profile.events:,} events, {profile.partitions} partitions, {profile.rounds} rounds")
    try:
        found = asyncio.run(measure(bench, given.only))
    except (WrongResult, NoFigure) as wrong:
        print(f"no figure counts: {wrong}", file=sys.stderr)
        return 1
    print(table(found))
    told = document(asdict(profile), asdict(bench.plan), profile.hash, found, time.monotonic() - begun)
    say(f"written: {write(told)}")
    say(f"written: {write_report(told)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
