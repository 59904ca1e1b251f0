"""The written list of our processes in a data directory: the next start ends what a killed one left, and only that."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
from pathlib import Path

from services.embedded.errors import EmbeddedError
from services.embedded.process import ProcessIdentity, identify, wait_until

END_SECONDS = 3.0


class ProcessList:
    """DATA_DIR/processes.json, held by one supervisor at a time."""

    def __init__(self, data_dir: Path) -> None:
        """Nothing is read or locked yet."""
        self._path = data_dir / "processes.json"
        self._lock_path = data_dir / "lock"
        self._lock: int | None = None
        self._entries: dict[str, ProcessIdentity] = {}

    def acquire(self) -> None:
        """Take the data directory for this process. Raises EmbeddedError naming the process that has it."""
        self._lock_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(lock, 20).decode() or "unknown"
            os.close(lock)
            raise EmbeddedError(
                f"{self._path.parent} is in use by process {holder}; stop it, or give another --data-dir"
            ) from error
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock

    def release(self) -> None:
        """Give the data directory back; may be called twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def add(self, name: str, pid: int) -> None:
        """Note a process just started; one that has ended meanwhile is not noted."""
        identity = identify(pid)
        if identity is not None:
            self._entries[name] = identity
            self._write()

    def remove(self, name: str) -> None:
        """Forget a process that has ended."""
        if self._entries.pop(name, None) is not None:
            self._write()

    def end_leftovers(self) -> list[str]:
        """End what an earlier supervisor of this directory left running; returns the names."""
        left = {name: identity for name, identity in self._read().items() if identity.is_alive()}
        for number in (signal.SIGTERM, signal.SIGKILL):
            for identity in left.values():
                if identity.is_alive():
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(identity.pid, number)  # each leads a session of its own
            if wait_until(lambda: not any(identity.is_alive() for identity in left.values()), END_SECONDS):
                break
        self._entries.clear()
        self._write()
        return sorted(left)

    def _read(self) -> dict[str, ProcessIdentity]:
        try:
            stored = json.loads(self._path.read_text())
            return {name: ProcessIdentity(int(entry["pid"]), str(entry["started"])) for name, entry in stored.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}  # absent, or cut short by a power cut: then nothing of ours runs either

    def _write(self) -> None:
        stored = {name: {"pid": entry.pid, "started": entry.started} for name, entry in self._entries.items()}
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(stored, indent=1))
        part.replace(self._path)
