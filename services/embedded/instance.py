"""The running stack that a command talks to: written down where it runs, registered for its user, found again.

DATA_DIR/instance.json (0600, it holds the database's password) describes one stack. The directory of the user's
running stacks is $XDG_RUNTIME_DIR/floorstream or /tmp/floorstream-UID: one link per stack, never in HOME.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.embedded.errors import EmbeddedError
from services.embedded.process import ProcessIdentity, identify
from services.settings import BadSetting, database_url

FILE_NAME = "instance.json"
ENVIRONMENT = ("FLOORSTREAM_ADDRESS", "FLOORSTREAM_KAFKA", "FLOORSTREAM_DATABASE_URL")


class InstanceNotFound(Exception):
    """No stack, or more than one, could be meant; the message names them and what to type. Commands exit with 2."""


@dataclass(frozen=True)
class Instance:
    """Where a running stack can be reached. Empty text: this way of reaching it is not known."""

    address: str  # http://HOST:PORT of ingest, reads and board
    broker: str  # HOST:PORT
    database: str  # DSN with password
    key_file: str  # path of the file with an API key that may do everything; empty: none needed
    data_dir: str
    pid: int | None = None  # of the supervisor; None for a stack given by settings
    started: str | None = None  # start of that process, see process.ProcessIdentity

    def is_alive(self) -> bool:
        """True while the supervisor that wrote this runs; a stack given by settings is taken to."""
        if self.pid is None or self.started is None:
            return True
        return ProcessIdentity(self.pid, self.started).is_alive()


def publish(data_dir: Path, *, address: str, broker: str, database: str, key_file: Path | None = None) -> Instance:
    """Write DATA_DIR/instance.json for this process and register it for the user. Raises EmbeddedError."""
    own = identify(os.getpid())
    if own is None:
        raise EmbeddedError("/proc does not show this process; the embedded stack needs it")
    folder = data_dir.resolve()
    keys = str(key_file.resolve()) if key_file else ""
    instance = Instance(address, broker, database, keys, str(folder), own.pid, own.started)
    write_private(folder / FILE_NAME, json.dumps(dataclasses.asdict(instance), indent=1))
    link = registry(os.environ, make=True) / link_name(folder)
    part = link.with_suffix(f".{own.pid}")
    part.unlink(missing_ok=True)
    part.symlink_to(folder / FILE_NAME)
    part.replace(link)
    return instance


def withdraw(data_dir: Path) -> None:
    """Take this stack off the list; nothing happens if it is not on it."""
    folder = data_dir.resolve()
    (folder / FILE_NAME).unlink(missing_ok=True)
    with contextlib.suppress(EmbeddedError):
        (registry(os.environ) / link_name(folder)).unlink(missing_ok=True)


def find_instance(explicit: str | None, env: Mapping[str, str]) -> Instance:
    """The stack that is meant: `--instance`, else FLOORSTREAM_* settings, else the user's only live one.

    Raises InstanceNotFound with what to type.
    """
    if explicit:
        return named(Path(explicit))
    if any(env.get(name) for name in ENVIRONMENT):
        address, broker = (env.get(name, "") for name in ENVIRONMENT[:2])
        try:
            database = database_url(env)
        except BadSetting as error:
            raise InstanceNotFound(str(error)) from error
        port = f"{env.get('FLOORSTREAM_HOST', '127.0.0.1')}:{env.get('FLOORSTREAM_PORT', '8080')}"
        return Instance(address or f"http://{port}", broker, database, env.get("FLOORSTREAM_KEYS_FILE", ""), "")
    live = live_instances(env)
    if len(live) == 1:
        return live[0]
    if not live:
        raise InstanceNotFound(
            "no floorstream is running for this user. Start one with `floorstream demo` or `floorstream up`, "
            f"or say where it is: --instance DATA_DIR, or {', '.join(ENVIRONMENT)}"
        )
    choices = "\n".join(f"    --instance {each.data_dir}    ({each.address}, process {each.pid})" for each in live)
    raise InstanceNotFound(f"{len(live)} floorstreams are running; add one of:\n{choices}")


def named(path: Path) -> Instance:
    """The stack of a data directory (or of its instance.json). Raises InstanceNotFound."""
    file = path / FILE_NAME if path.is_dir() else path
    instance = read(file)
    if instance is None:
        raise InstanceNotFound(f"{file} describes no floorstream: --instance wants the data directory of a running one")
    if not instance.is_alive():
        raise InstanceNotFound(
            f"the floorstream of {instance.data_dir} is not running; "
            f"start it: floorstream up --data-dir {instance.data_dir}"
        )
    return instance


def live_instances(env: Mapping[str, str]) -> list[Instance]:
    """The user's running stacks, by data directory; links of stacks that have ended are removed."""
    try:
        links = sorted(registry(env).glob("*.json"))
    except EmbeddedError:
        return []
    found = []
    for link in links:
        instance = read(link)
        if instance is not None and instance.is_alive():
            found.append(instance)
        else:
            link.unlink(missing_ok=True)
    return sorted(found, key=lambda each: each.data_dir)


def read(file: Path) -> Instance | None:
    """The stack a file describes; None if it describes none or is not ours to believe."""
    try:
        with file.open() as stream:
            if os.fstat(stream.fileno()).st_uid not in (os.geteuid(), 0):
                return None
            return Instance(**json.load(stream))
    except (OSError, ValueError, TypeError):
        return None


def registry(env: Mapping[str, str], *, make: bool = False) -> Path:
    """The directory of this user's running stacks. Raises EmbeddedError if it is absent or another user's."""
    runtime = env.get("XDG_RUNTIME_DIR", "")
    usable = bool(runtime) and Path(runtime).is_dir() and os.access(runtime, os.W_OK)
    folder = Path(runtime, "floorstream") if usable else Path(f"/tmp/floorstream-{os.geteuid()}")
    if make:
        folder.mkdir(mode=0o700, exist_ok=True)
    try:
        status = folder.lstat()
    except OSError as error:
        raise EmbeddedError(f"no stack is registered in {folder}") from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise EmbeddedError(f"{folder} must be a directory of yours with mode 0700; remove it and start again")
    return folder


def link_name(data_dir: Path) -> str:
    """A name for a data directory that holds no separator."""
    return hashlib.sha256(str(data_dir).encode()).hexdigest()[:16] + ".json"


def write_private(file: Path, text: str) -> None:
    """Write a file for our eyes only, whole or not at all."""
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    part.replace(file)
