"""What a data directory was used for: a database is never continued on another log, nobody's files are removed.

DATA_DIR/broker.kind says which broker's log the database belongs to. The embedded broker forgets when it stops: its
log is filled again from the database (services/adapters/rebuild.py).
"""

from __future__ import annotations

import shutil
from pathlib import Path

KIND_FILE = "broker.kind"
HELD = {"lock", "processes.json", "processes.part"}
"""The supervisor's own, open while a directory is emptied."""
HARMLESS = HELD | {"link.key", "logs", "ready", "bin", "kafka", "postgres", "postgres.copy"}
"""What a start that did not get far leaves behind."""


class UnusableDirectory(Exception):
    """The directory cannot be used like this; the message says what to type."""


def refuse_foreign(data_dir: Path) -> None:
    """Raise UnusableDirectory for a directory with other things in it than ours: `--fresh` would remove them."""
    if not data_dir.exists():
        return
    if not data_dir.is_dir():
        raise UnusableDirectory(f"{data_dir} is not a directory: give another --data-dir")
    names = {entry.name for entry in data_dir.iterdir()}
    if KIND_FILE not in names and not names <= HARMLESS:
        raise UnusableDirectory(
            f"{data_dir} holds other files and is no data directory of floorstream: give an empty or new --data-dir"
        )


def prepare_directory(data_dir: Path, broker: str, *, fresh: bool) -> None:
    """Empty it if `fresh`, and raise UnusableDirectory where its database belongs to the log of another broker.

    The caller holds the directory (Supervisor).
    """
    if fresh:
        remove_contents(data_dir)
    used_with = kind_of(data_dir)
    if used_with in (None, broker):
        return
    raise UnusableDirectory(
        f"{data_dir} was used with --broker {used_with}, and its database belongs to that log: go on with --broker "
        f"{used_with}, or add --fresh to remove what it holds and begin anew, or give another --data-dir"
    )


def kind_of(data_dir: Path) -> str | None:
    """The broker it was used with: `embedded`, `apache`, or None for a directory not used yet."""
    try:
        return (data_dir / KIND_FILE).read_text(encoding="ascii").strip() or None
    except OSError:
        return None


def note_used(data_dir: Path, broker: str) -> None:
    """Write down that from now on its database belongs to this broker's log."""
    (data_dir / KIND_FILE).write_text(broker + "\n", encoding="ascii")


def remove_contents(data_dir: Path) -> None:
    """Remove everything but what the supervisor holds."""
    for entry in data_dir.iterdir():
        if entry.name in HELD:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
