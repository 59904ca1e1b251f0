"""Changes to the file of api_keys.py: one at a time, each whole or not at all, always for its owner only (0600)."""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from services.adapters.api_keys import BadKeyFile, KeyFile

Entry = dict[str, Any]
PRIVATE = 0o600


def read_entries(path: Path) -> list[Entry]:
    """The entries of a key file, in the order they were made; none where there is no file. Raises BadKeyFile."""
    if not path.exists():
        return []
    KeyFile(path)  # all that the stages would refuse
    entries: list[Entry] = json.loads(path.read_bytes())["keys"]
    return entries


def change_entries(path: Path, change: Callable[[list[Entry]], list[Entry]]) -> None:
    """Replace the entries by what `change` makes of them; what it raises leaves the file as it was.

    Raises BadKeyFile, also where the file cannot be written. A file that belongs to somebody else goes on belonging to
    them: root may add a key for the user a stage runs as.
    """
    try:
        with _alone_in(path.parent):
            text = json.dumps({"keys": change(read_entries(path))}, ensure_ascii=False, indent=1)
            _replace(path, text + "\n")
    except OSError as error:
        raise BadKeyFile(f"the key file {path} cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """Hold the directory's lock, which leaves no file behind, and make the new name last."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), PRIVATE)
        if path.exists() and os.geteuid() == 0:
            owner = path.stat()
            os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
