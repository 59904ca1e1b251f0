"""Operating-system processes: spawned so that they cannot outlive us, and known by more than their number."""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from services.embedded.errors import EmbeddedError

EXEC_CHILD = Path(__file__).with_name("exec_child.py")
LOG_BYTES = 20_000_000  # a log longer than this is set aside (NAME.log.1) when its process starts
POLL_SECONDS = 0.02
GLIBC = (2, 28)


@dataclass(frozen=True)
class ProcessIdentity:
    """A process by number and start, so that a number used again is not taken for it."""

    pid: int
    started: str  # boot id and start time in clock ticks since that boot

    def is_alive(self) -> bool:
        """True while exactly this process runs (a zombie has ended)."""
        return started(self.pid) == self.started


def started(pid: int) -> str | None:
    """Boot id and start time of a running process (proc(5), stat field 22); None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def identify(pid: int) -> ProcessIdentity | None:
    """The identity of a running process; None if it has ended."""
    start = started(pid)
    return None if start is None else ProcessIdentity(pid, start)


@dataclass(frozen=True)
class Account:
    """The user a child runs as."""

    user: int
    group: int


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    log_path: Path,
    death_signal: signal.Signals = signal.SIGTERM,
    account: Account | None = None,
    pass_fds: Sequence[int] = (),
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, its output appended to `log_path`.

    It gets `death_signal` when the calling THREAD ends (prctl(2), PR_SET_PDEATHSIG): only the main thread may call.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("spawn() belongs to the main thread: a child dies with the thread that started it")
    user, group = (account.user, account.group) if account else (-1, -1)
    numbers = (int(death_signal), os.getpid(), user, group)
    shim = [sys.executable, "-I", "-S", str(EXEC_CHILD), *map(str, numbers)]
    with open_log(log_path) as log:
        return subprocess.Popen(
            [*shim, *argv],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=pass_fds,
            cwd=cwd,
        )


def open_log(path: Path) -> BinaryIO:
    """The log opened for appending (0600); one that has grown too long is set aside first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def log_tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log, indented, or a word saying that there are none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 64_000))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        text = ""
    last = text.splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in last) or "    (its log is empty)"


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until the condition holds; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def end(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> None:
    """End a child of ours: a step is a signal and its seconds, the last is SIGKILL; may be called twice."""
    for number, seconds in steps:
        if process.poll() is not None:
            return
        process.send_signal(number)
        if wait_until(lambda: process.poll() is not None, seconds):
            return
    if process.poll() is None:
        process.kill()
        process.wait()


def free_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def accepts(host: str, port: int) -> bool:
    """True if something listens there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def require_linux(part: str) -> None:
    """Raise EmbeddedError where the wheels' binaries cannot run."""
    machine = platform.machine()
    library, version = platform.libc_ver()
    if sys.platform == "linux" and machine == "x86_64" and library == "glibc" and _numbers(version) >= GLIBC:
        return
    raise EmbeddedError(cannot_run(part, f"{platform.system()} {machine}, {library or 'no glibc'} {version}".strip()))


def cannot_run(part: str, why: str) -> str:
    """The one line for a binary that does not run here."""
    return (
        f"the embedded {part} cannot run here ({why}); supported: Linux x86_64 with glibc >= 2.28. "
        "Elsewhere use `docker compose up`, or give FLOORSTREAM_KAFKA and FLOORSTREAM_DATABASE_URL"
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
