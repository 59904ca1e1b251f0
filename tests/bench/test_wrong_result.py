"""A timed run whose output is not what the fold makes of the log makes no figure count."""

import dataclasses
from pathlib import Path

import pytest

from loadtest import bench_track, run
from loadtest.bench_floor import Expected, WrongResult
from loadtest.bench_track import BARE, TRACK, Load, timed
from loadtest.load import Profile, ScanRecord
from loadtest.sections import Bench

EVENTS = 1_500


@pytest.fixture(scope="module")
def load() -> Load:
    """A small log, folded."""
    return Load.of(Profile.read("quick", {"events": EVENTS, "rounds": 1}))


def with_another_event(load: Load) -> Load:
    """The same expectation of a log in which one scan names another operation."""
    records = list(load.records)
    at = next(n for n, r in enumerate(records) if b".arrive" in r.value and b"OP010" in r.value)
    records[at] = other(records[at])
    return dataclasses.replace(load, records=records)


def other(record: ScanRecord) -> ScanRecord:
    """The scan at the next operation."""
    return dataclasses.replace(record, value=record.value.replace(b"OP010", b"OP020"))


@pytest.mark.parametrize("name", [TRACK, BARE[0]])
async def test_a_right_output_counts(load: Load, name: str) -> None:
    run = await timed(name, "quick", load)
    assert run.events == EVENTS
    assert run.cpu_s > 0


async def test_other_visits_are_a_wrong_result(load: Load) -> None:
    with pytest.raises(WrongResult, match="visits differ"):
        await timed(BARE[0], "quick", with_another_event(load))


async def test_other_states_are_a_wrong_result(load: Load) -> None:
    expected = Expected(load.profile, load.records)
    expected.units = Expected(load.profile, with_another_event(load).records).units
    with pytest.raises(WrongResult, match="states of"):
        await timed(BARE[0], "quick", dataclasses.replace(load, expected=expected))


async def test_a_run_that_fails_is_a_wrong_result(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_track, "command", lambda *_: ["false"])
    with pytest.raises(WrongResult, match="exit code 1"):
        await timed(TRACK, "quick", load)


def test_nothing_is_written_after_a_wrong_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def wrong(bench: Bench) -> None:
        raise WrongResult("7 of 9 visits differ")

    monkeypatch.setattr(bench_track, "measure", wrong)
    monkeypatch.setattr(run, "write", lambda told: pytest.fail("figures were written"))
    assert run.main(["--size", "quick", "--only", "track"]) == 1
    assert "no figure counts: 7 of 9 visits differ" in capsys.readouterr().err
