"""Runs the stack on one machine: servers, then children, restarts, and an end that leaves nothing behind.

    with Supervisor(data_dir) as stack:
        kafka = stack.start_part(Broker())
        return stack.run([Child(…), …], ready_line="ready http://127.0.0.1:8080")

A first SIGINT or SIGTERM ends everything within 10 s and the exit code is 0; a second one kills at once.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from services.embedded.child import Child, Supervised, describe_end
from services.embedded.errors import EmbeddedError
from services.embedded.leftovers import ProcessList
from services.embedded.part import Part
from services.embedded.process import log_tail, wait_until

EXIT_GUARANTEE = 70  # a guarantee could not be kept: starting again would hide it
EXIT_USAGE = 2  # settings that no restart can mend
FINAL_CODES = {EXIT_GUARANTEE: "a guarantee could not be kept", EXIT_USAGE: "its settings are wrong"}
LOOP_SECONDS = 0.1
REPORT_SECONDS = 20.0  # how often a start that takes long says whom it waits for
# Together with the database (2.5 s) and the broker (1 s) below the 10 s that a stop may take.
STOP_SECONDS = 6.0
DOORS_SECONDS = 1.0  # most doors close at once; one that does not may let something in that is lost
KEEP_SECONDS = 2.5
STOP_STEP_SECONDS = 0.5  # head start of a child before the one that feeds it is told to stop


def say(line: str) -> None:
    """One line to whoever watches; nobody watching any more is no reason to stop badly."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Supervisor:
    """The processes of one data directory."""

    def __init__(self, data_dir: Path, *, say: Callable[[str], None] = say) -> None:
        """`say` gets the lines for the person at the terminal."""
        self._data_dir = data_dir
        self._say = say
        self._list = ProcessList(data_dir)
        self._parts: list[tuple[Part, str]] = []
        self._children: list[Supervised] = []
        self._stops_asked = 0
        self._blocking = True  # in a long call that only an exception can end
        self._handlers: dict[signal.Signals, object] = {}
        self._doors_closed: Callable[[float], None] | None = None

    def __enter__(self) -> Self:
        """Take the data directory, end leftovers, listen to signals. Raises EmbeddedError if it is in use."""
        self._list.acquire()
        try:
            self._listen()
            left = self._list.end_leftovers()
        except BaseException:
            self._list.release()
            raise
        if left:
            self._say(f"ended what an earlier run had left in {self._data_dir}: {', '.join(left)}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop everything."""
        self._blocking = False
        try:
            self._stop()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)  # type: ignore[arg-type]
            self._list.release()
        if self._stops_asked > 1:
            raise SystemExit(128 + signal.SIGINT)

    def start_part(self, part: Part) -> str:
        """Start a server that the children need; returns its address. Raises EmbeddedError."""
        address = part.start(self._data_dir)
        self._parts.append((part, address))
        self._note_part(part)
        return address

    def run(
        self, children: Sequence[Child], *, ready_line: str, duration: float | None = None,
        doors_closed: Callable[[float], None] | None = None,
    ) -> int:  # fmt: skip
        """Run until asked to stop or `duration` seconds after everything was ready; returns the exit code.

        `doors_closed` is called at the end when nothing comes in any more, with the seconds it may take.
        """
        self._doors_closed = doors_closed
        logs = self._data_dir / "logs"
        self._children = [Supervised(child, logs / f"{child.name}.log") for child in children]
        self._blocking = False
        end: float | None = None
        announced = False
        next_report = time.monotonic() + REPORT_SECONDS
        while not self._stops_asked and (end is None or time.monotonic() < end):
            code = self._turn()
            if code is not None:
                return code
            waiting = [each.child.name for each in self._children if not each.poll_ready()]
            if not announced and not waiting:
                announced = True
                self._say(ready_line)
                end = None if duration is None else time.monotonic() + duration
            elif not announced and time.monotonic() > next_report:
                next_report += REPORT_SECONDS
                self._say(f"still starting: {', '.join(waiting)} (logs in {logs})")
            time.sleep(LOOP_SECONDS)
        return 0

    def _turn(self) -> int | None:
        """Start what is due and look for what has ended; an exit code if the stack must stop."""
        for part, address in self._parts:
            if part.pid is None:
                code = self._part_ended(part, address)
                if code is not None:
                    return code
        for each in self._children:
            pid = each.start_if_due()
            if pid is not None:
                self._list.add(each.child.name, pid)
            self._watch(each)
            code = each.reap()
            if code is not None:
                final = self._child_ended(each, code)
                if final is not None:
                    return final
        return None

    def _watch(self, each: Supervised) -> None:
        """A process that runs and does nothing is worse than none: the board would show old numbers as if they held."""
        still = each.stands_still()
        if still is not None and each.break_off():
            self._say(f"{each.child.name} has stood still for {still:.0f} s; it is broken off and starts again")

    def _child_ended(self, each: Supervised, code: int) -> int | None:
        name = each.child.name
        self._list.remove(name)
        if each.child.once and code == 0:
            each.ready = each.done = True
            return None
        if code in FINAL_CODES:
            self._say(
                f"{name} stopped with exit code {code}: {FINAL_CODES[code]}. Everything stops. "
                f"The end of {each.log_path}:\n{log_tail(each.log_path)}"
            )
            return code
        delay = each.schedule_restart()
        self._say(
            f"{name}: {describe_end(code)}; starts again in {delay:g} s. "
            f"The end of {each.log_path}:\n{log_tail(each.log_path, lines=5)}"
        )
        return None

    def _part_ended(self, part: Part, address: str) -> int | None:
        self._list.remove(part.name)
        tail = f"The end of {part.log_path}:\n{log_tail(part.log_path)}"
        if part.forgets:
            self._say(
                f"the {part.name} ended, and with it what the database did not have yet. Everything stops; start again "
                f"to go on from the database, and send again what was accepted in the last seconds. {tail}"
            )
            return EXIT_GUARANTEE
        self._say(f"the {part.name} ended; starts again. {tail}")
        self._blocking = True
        again = part.start(self._data_dir)
        self._blocking = False
        if again != address:
            raise EmbeddedError(f"the {part.name} could not get its address back; start again")
        self._note_part(part)
        return None

    def _note_part(self, part: Part) -> None:
        if part.pid is not None:
            self._list.add(part.name, part.pid)

    def _listen(self) -> None:
        """Handlers of our own, also where a shell's `&` handed SIGINT down as ignored; nohup keeps its meaning."""
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        for number in numbers:
            self._handlers[number] = signal.signal(number, self._asked_to_stop)

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stops_asked += 1
        if self._stops_asked > 1:
            self._kill()
        elif self._blocking:
            raise SystemExit(0)

    def _stop(self) -> None:
        """SIGTERM in reverse order, so that nobody is fed into a closed mouth; then SIGKILL; then the servers."""
        deadline = time.monotonic() + STOP_SECONDS
        self._close_doors()
        for each in reversed(self._children):
            each.send(signal.SIGTERM)
            head_start = min(STOP_STEP_SECONDS, deadline - time.monotonic())
            wait_until(lambda each=each: not each.is_running(), head_start)  # type: ignore[misc]
        wait_until(lambda: not any(each.is_running() for each in self._children), deadline - time.monotonic())
        for each in self._children:
            each.send(signal.SIGKILL)
        wait_until(lambda: not any(each.is_running() for each in self._children), 1.0)
        for each in self._children:
            self._list.remove(each.child.name)
        for part, _ in reversed(self._parts):
            part.stop()
            self._list.remove(part.name)

    def _close_doors(self) -> None:
        """Nothing comes in any more; what has come in may be put where it lasts."""
        if self._doors_closed is None or self._stops_asked > 1:
            return
        doors = [each for each in self._children if each.child.door]
        for each in doors:
            each.send(signal.SIGTERM)
        wait_until(lambda: not any(each.is_running() for each in doors), DOORS_SECONDS)
        self._doors_closed(KEEP_SECONDS)

    def _kill(self) -> None:
        for each in self._children:
            each.send(signal.SIGKILL)
        for part, _ in self._parts:
            part.kill()
