"""The supervisor keeps children running, stops for good reasons, and leaves nothing behind however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from services.embedded.process import wait_until

PROGRAM = Path(__file__).with_name("small_stack.py")
ROOT = Path(__file__).parents[2]
# Each notes its process number (one line per life) in the file it is given, then lives or ends.
NOTE = "import os, signal, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n');"
LIVES = NOTE + "time.sleep(60)"
DEAF = NOTE + "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
DIES = NOTE + "sys.exit(3)"


@dataclass
class Stack:
    """A supervisor under test and the data directory it works in."""

    process: subprocess.Popen[str]
    data_dir: Path

    def lives(self, name: str) -> list[int]:
        """Process numbers of the child's lives so far."""
        file = self.data_dir / f"{name}.txt"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def pid_of(self, name: str) -> int:
        """Process number in the written list; 0 if it is not on it."""
        entries = json.loads((self.data_dir / "processes.json").read_text())
        return int(entries.get(name, {"pid": 0})["pid"])

    def await_ready(self) -> None:
        """Wait for the line that says so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("ready "):
                return
        raise AssertionError(f"ended before it was ready: {self.process.communicate()[1]}")

    def await_lives(self, name: str, count: int) -> list[int]:
        """Wait until the child has begun so many lives."""
        assert wait_until(lambda: len(self.lives(name)) >= count, 60), f"{name} lived {self.lives(name)}"
        return self.lives(name)

    def finish(self) -> tuple[int, str]:
        """Exit code and the rest of the output."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out + err


Start = Callable[..., Stack]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts supervisors on one data directory; ends what a failed test leaves."""
    stacks: list[Stack] = []

    def begin(
        *children: dict[str, object],
        seconds: float | None = None,
        parts: tuple[str, ...] = (),
        shell_ignores_sigint: bool = False,
    ) -> Stack:
        argv = [sys.executable, str(PROGRAM), str(tmp_path), json.dumps(children)]
        argv += [str(600 if seconds is None else seconds), *parts]
        if shell_ignores_sigint:
            argv = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *argv]
        process = subprocess.Popen(
            argv, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=-1, stderr=-1, text=True, start_new_session=True
        )
        stacks.append(Stack(process, tmp_path))
        return stacks[-1]

    yield begin
    for stack in stacks:
        stack.process.kill()
        stack.process.communicate()


def has_ended(*pids: int) -> bool:
    """True if none of these runs any more."""
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def test_a_dead_child_starts_again_after_growing_delays(start: Start) -> None:
    begun = time.monotonic()
    stack = start({"name": "track", "code": DIES})
    stack.await_lives("track", 3)
    assert time.monotonic() - begun >= 0.5 + 1.0
    stack.process.send_signal(signal.SIGTERM)
    _, output = stack.finish()
    assert "track: exit code 3; starts again in 0.5 s" in output
    assert "track: exit code 3; starts again in 1 s" in output


def test_a_child_killed_by_a_signal_starts_again(start: Start) -> None:
    stack = start({"name": "track", "code": LIVES})
    os.kill(stack.await_lives("track", 1)[0], signal.SIGKILL)
    assert len(set(stack.await_lives("track", 2))) == 2


def beats(file: Path, for_seconds: float, afterwards: str = "time.sleep(60)") -> str:
    """A child that touches its file for so long, and then does something else."""
    return (
        f"{NOTE} import faulthandler, pathlib; faulthandler.enable(); end = time.monotonic() + {for_seconds}\n"
        f"while time.monotonic() < end: pathlib.Path({str(file)!r}).touch(); time.sleep(0.05)\n"
        f"{afterwards}"
    )


@pytest.mark.parametrize(
    ("afterwards", "how"),
    [("time.sleep(60)", "SIGABRT"), ("os.kill(os.getpid(), signal.SIGSTOP)", "SIGKILL")],
    ids=["waits", "is stopped"],
)
def test_a_child_that_stands_still_is_broken_off_and_starts_again(
    afterwards: str, how: str, start: Start, tmp_path: Path
) -> None:
    pulse = tmp_path / "pulse"
    stack = start({"name": "track", "code": beats(pulse, 0.2, afterwards), "ready": str(pulse), "still": 1.0})
    stack.await_lives("track", 2)
    stack.process.send_signal(signal.SIGTERM)
    output = stack.finish()[1]
    assert "track has stood still for 1 s; it is broken off and starts again" in output
    assert f"track: ended by {how}; starts again in 0.5 s" in output
    assert how == "SIGKILL" or "most recent call first" in (tmp_path / "logs" / "track.log").read_text()


def test_a_child_that_gets_on_or_has_not_begun_is_left_alone(start: Start, tmp_path: Path) -> None:
    lively, starting, dead = tmp_path / "lively", tmp_path / "starting", tmp_path / "dead"
    starting.touch()  # of an earlier life
    stack = start(
        {"name": "lively", "code": beats(lively, 60), "ready": str(lively), "still": 6.0},
        {"name": "starting", "code": LIVES, "ready": str(starting), "still": 0.1},
        {"name": "dead", "code": beats(dead, 0.1), "ready": str(dead), "still": 6.0},
    )
    stack.await_lives("dead", 2)
    assert (len(stack.lives("lively")), len(stack.lives("starting"))) == (1, 1)


def test_exit_70_of_a_child_stops_everything_and_shows_its_last_words(start: Start) -> None:
    stack = start(
        {"name": "store", "code": LIVES},
        {"name": "track", "code": "import sys; print('positions are gone'); sys.exit(70)"},
    )
    code, output = stack.finish()
    assert code == 70
    assert "track stopped with exit code 70" in output
    assert "positions are gone" in output
    assert has_ended(*stack.lives("store"))


def test_ready_is_said_once_and_only_when_every_child_says_so(start: Start, tmp_path: Path) -> None:
    late = tmp_path / "late"
    code = f"import time; time.sleep(0.5); open({str(late)!r}, 'w'); time.sleep(60)"
    stack = start({"name": "show", "code": code, "ready": str(late)}, seconds=0.1)
    code_of_exit, output = stack.finish()
    assert late.exists()
    assert (code_of_exit, [line for line in output.splitlines() if line.startswith("ready ")]) == (
        0,
        ["ready http://127.0.0.1:1"],
    )


def test_the_first_ctrl_c_ends_all_with_exit_0(start: Start) -> None:
    stack = start({"name": "ingest", "code": LIVES}, {"name": "track", "code": LIVES})
    stack.await_ready()
    pids = stack.await_lives("ingest", 1) + stack.await_lives("track", 1)
    stack.process.send_signal(signal.SIGINT)
    assert stack.finish()[0] == 0
    assert has_ended(*pids)


def test_ctrl_c_works_where_the_shell_had_it_ignored(start: Start) -> None:
    stack = start({"name": "track", "code": LIVES}, shell_ignores_sigint=True)
    stack.await_lives("track", 1)
    stack.process.send_signal(signal.SIGINT)
    assert stack.finish()[0] == 0


def test_a_child_deaf_to_sigterm_does_not_hold_the_stop_beyond_10_seconds(start: Start) -> None:
    stack = start({"name": "track", "code": DEAF})
    pid = stack.await_lives("track", 1)[0]
    begun = time.monotonic()
    stack.process.send_signal(signal.SIGINT)
    code, _ = stack.finish()
    assert code == 0
    assert time.monotonic() - begun < 10
    assert has_ended(pid)


def test_a_second_ctrl_c_kills_at_once(start: Start) -> None:
    stack = start({"name": "track", "code": DEAF}, {"name": "store", "code": LIVES})
    deaf = stack.await_lives("track", 1)[0]
    first_stopped = stack.await_lives("store", 1)[0]
    stack.process.send_signal(signal.SIGINT)
    assert wait_until(lambda: has_ended(first_stopped), 60)
    begun = time.monotonic()
    stack.process.send_signal(signal.SIGINT)
    assert stack.finish()[0] == 128 + signal.SIGINT
    assert time.monotonic() - begun < 2
    assert has_ended(deaf)


def test_children_die_with_a_killed_supervisor(start: Start) -> None:
    stack = start({"name": "track", "code": LIVES})
    pid = stack.await_lives("track", 1)[0]
    stack.process.kill()
    assert wait_until(lambda: has_ended(pid), 60)


def test_the_next_start_ends_what_a_killed_supervisor_left(start: Start) -> None:
    stack = start({"name": "track", "code": DEAF})
    stack.await_ready()
    left = stack.await_lives("track", 1)[0]
    stack.process.kill()
    stack.process.wait()
    again = start({"name": "store", "code": LIVES}, seconds=0)
    code, output = again.finish()
    assert (code, "an earlier run had left" in output and "track" in output) == (0, True)
    assert has_ended(left)


def test_the_next_start_spares_a_process_that_only_has_the_same_number(start: Start, tmp_path: Path) -> None:
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        entry = {"track": {"pid": innocent.pid, "started": "another boot:1"}}
        (tmp_path / "processes.json").write_text(json.dumps(entry))
        start({"name": "store", "code": LIVES}, seconds=0).finish()
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_a_data_directory_in_use_is_refused_with_the_process_that_has_it(start: Start) -> None:
    first = start({"name": "track", "code": LIVES})
    first.await_ready()
    code, output = start({"name": "track", "code": LIVES}).finish()
    assert (code, f"is in use by process {first.process.pid}" in output) == (1, True)


def test_a_child_that_runs_once_may_end(start: Start) -> None:
    stack = start({"name": "backfill", "code": NOTE, "once": True}, {"name": "track", "code": LIVES}, seconds=1.0)
    code, _ = stack.finish()
    assert (code, len(stack.lives("backfill"))) == (0, 1)


@pytest.mark.row(12)
def test_a_lost_broker_stops_everything_with_70(start: Start) -> None:
    stack = start({"name": "track", "code": LIVES}, parts=("broker",))
    stack.await_ready()
    os.kill(stack.pid_of("broker"), signal.SIGKILL)
    code, output = stack.finish()
    assert (code, "the broker ended, and with it what the database did not have yet" in output) == (70, True)


@pytest.mark.row(16)
def test_a_lost_database_starts_again_at_its_address(start: Start) -> None:
    stack = start({"name": "track", "code": LIVES}, parts=("database",))
    stack.await_ready()
    first = stack.pid_of("database")
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: stack.pid_of("database") not in (0, first), 60)
    stack.process.send_signal(signal.SIGINT)
    code, output = stack.finish()
    assert (code, "the database ended; starts again" in output) == (0, True)


def test_servers_die_with_a_killed_supervisor(start: Start) -> None:
    stack = start({"name": "track", "code": LIVES}, parts=("broker", "database"))
    stack.await_ready()
    pids = [stack.pid_of("broker"), stack.pid_of("database")]
    stack.process.kill()
    assert wait_until(lambda: has_ended(*pids), 60)
