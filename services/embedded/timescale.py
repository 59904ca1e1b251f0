"""TimescaleDB's Apache-2.0 edition on this machine, for tests: Debian trixie's packages in a file tree of their own.

The tree is built once (deploy/timescale-local/build-root.sh, half a minute) outside the checkout, in
$FLOORSTREAM_TIMESCALE_ROOT or DEFAULT_ROOT. PostgreSQL runs there by chroot as an unprivileged user; the cluster lies
in the data directory and is mounted in a namespace that ends with the server. Needs Linux, root and the right to
mount; the first time also mmdebstrap.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from services.embedded import process
from services.embedded.database import (
    DATABASE,
    HOST,
    INITDB_SECONDS,
    NOT_DURABLE,
    SETTINGS,
    USER,
    comes_up,
    refuse_second_server,
)
from services.embedded.errors import EmbeddedError
from services.embedded.postgres_account import give, unprivileged_account

BUILD = Path(__file__).resolve().parents[2] / "deploy" / "timescale-local" / "build-root.sh"
ROOT_VARIABLE = "FLOORSTREAM_TIMESCALE_ROOT"
DEFAULT_ROOT = Path("/var/cache/floorstream/timescale-apache")
BUILD_SECONDS = 600.0
PROGRAMS = "/usr/lib/postgresql/17/bin"
# $1 = what appears as /mnt in the root, $2 = the root, then user, group, program and its arguments. setpriv
# comes last because a change of user clears the signal on the parent's death.
ENTER = """
mount --bind "$1" "$2/mnt" || exit 127
root=$2 user=$3 group=$4
shift 4
exec chroot "$root" setpriv --reuid "$user" --regid "$group" --clear-groups --pdeathsig INT -- "$@"
"""
TIMESCALE_SETTINGS = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.license": "apache",
    "max_worker_processes": "32",
    "dynamic_shared_memory_type": "mmap",  # there is no tmpfs on the root's /dev/shm
    "jit": "off",
}


class TimescaleApache:
    """One PostgreSQL 17 server with TimescaleDB preloaded; start() may be called again after stop().

    The extension is not created: that is the first line of a migration.
    """

    name = "TimescaleDB"
    forgets = False

    def __init__(self, root: Path | None = None) -> None:
        """Nothing runs yet; `root` is the file tree, by default the one named above."""
        self._root = (root or Path(os.environ.get(ROOT_VARIABLE) or DEFAULT_ROOT)).resolve()
        self._process: subprocess.Popen[bytes] | None = None
        self._log_path = Path()
        self._home = Path()

    @property
    def pid(self) -> int | None:
        """Process number while it runs, else None."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    @property
    def log_path(self) -> Path:
        """Where its output goes; valid after the first start."""
        return self._log_path

    def missing(self) -> str | None:
        """Say what keeps TimescaleDB from running on this machine; None if nothing does."""
        if os.geteuid() != 0:
            return "TimescaleDB's Apache edition needs root (chroot)"
        if not is_built(self._root) and shutil.which("mmdebstrap") is None:
            return "mmdebstrap is not installed (Debian: mmdebstrap): no TimescaleDB"
        unshare = shutil.which("unshare")
        tried = unshare and subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False)
        return None if tried and not tried.returncode else "TimescaleDB's Apache edition needs the right to mount"

    def build(self) -> Path:
        """Build the file tree unless it is there and of this version; return it. Raises EmbeddedError."""
        if is_built(self._root):
            return self._root
        if not BUILD.exists():
            raise EmbeddedError(f"{BUILD} is missing: TimescaleDB's file tree is built from a checkout only")
        self._root.parent.mkdir(parents=True, exist_ok=True)
        with self._root.with_name(self._root.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once build it once
            if not is_built(self._root):
                remove_old(self._root)
                run_build(self._root)
        return self._root

    def start(self, data_dir: Path) -> str:
        """Start (the first time with initdb) and return the DSN with its password. Raises EmbeddedError."""
        if self.pid is not None:
            raise EmbeddedError(f"TimescaleDB already runs as process {self.pid}")
        reason = self.missing()
        if reason is not None:
            raise EmbeddedError(reason)
        self.build()
        self._log_path = data_dir.resolve() / "logs" / "timescale.log"
        self._home = data_dir.resolve() / "timescale"
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_second_server(self._home / "data" / "postmaster.pid")
        give(self._home, unprivileged_account())
        if not (self._home / "data").exists():
            self._initdb()
        port = self._serve()
        password = (self._home / "password").read_text()
        return f"postgresql://{USER}:{password}@{HOST}:{port}/{DATABASE}"

    def stop(self) -> None:
        """End it by fast shutdown (connections are cut, the cluster is clean); nothing happens if it does not run."""
        if self._process is not None:
            process.end(self._process, (signal.SIGINT, 10.0), (signal.SIGQUIT, 1.0))

    def kill(self) -> None:
        """End it at once; the next start recovers."""
        if self._process is not None:
            process.end(self._process, (signal.SIGQUIT, 0.5))

    def _initdb(self) -> None:
        """Make the cluster under another name first: one half made is never taken for whole."""
        shutil.rmtree(self._home / "data.new", ignore_errors=True)
        password, account = self._home / "password", unprivileged_account()
        password.write_text(secrets.token_urlsafe(24))
        password.chmod(0o600)
        os.chown(password, account.user, account.group)
        words = ["--username", USER, "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"]
        child = self._spawn("initdb", [*words, "-D", "/mnt/data.new", "--pwfile", "/mnt/password"])
        try:
            done = process.wait_until(lambda: child.poll() is not None, INITDB_SECONDS)
        finally:
            process.end(child, (signal.SIGTERM, 1.0))
        if not done or child.returncode != 0:
            raise self._failed("initdb")
        (self._home / "data.new").rename(self._home / "data")

    def _serve(self) -> int:
        """Start the server and return its port."""
        settings = SETTINGS | NOT_DURABLE | TIMESCALE_SETTINGS
        words = [f"--{name}={value}" for name, value in settings.items()]
        port = process.free_port(HOST)
        self._process = self._spawn("postgres", ["-D", "/mnt/data", "-p", str(port), *words])
        try:
            if not comes_up(self._process, self._home / "data" / "postmaster.pid"):
                raise self._failed("postgres")
        except BaseException:
            self.kill()
            raise
        return port

    def _spawn(self, program: str, words: list[str]) -> subprocess.Popen[bytes]:
        account = unprivileged_account()
        enter = ["--mount", "--propagation", "private", "sh", "-c", ENTER, "sh", str(self._home), str(self._root)]
        return process.spawn(
            [found("unshare"), *enter, str(account.user), str(account.group), f"{PROGRAMS}/{program}", *words],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            log_path=self._log_path,
            death_signal=signal.SIGINT,
            cwd=Path("/"),
        )

    def _failed(self, program: str) -> EmbeddedError:
        tail = process.log_tail(self._log_path)
        return EmbeddedError(f"TimescaleDB did not start ({program}); the end of {self._log_path}:\n{tail}")


def found(program: str) -> str:
    """Full path of a program. Raises EmbeddedError if it is not installed."""
    path = shutil.which(program)
    if path is None:
        raise EmbeddedError(f"{program} is not on PATH (Debian: util-linux)")
    return path


def stamp(root: Path) -> Path:
    """The file in a finished tree that says which build script made it; also the proof that the tree is ours."""
    return root / "etc" / "floorstream-build"


def build_version() -> str:
    """What the stamp of a tree of this version says."""
    return hashlib.sha256(BUILD.read_bytes()).hexdigest() if BUILD.exists() else ""


def is_built(root: Path) -> bool:
    """True if the tree is whole and was made by the build script as it is now."""
    return stamp(root).is_file() and stamp(root).read_text() == build_version()


def remove_old(root: Path) -> None:
    """Remove a tree of another version. Raises EmbeddedError rather than remove anything that is not ours."""
    if not root.exists():
        return
    if not stamp(root).is_file():
        raise EmbeddedError(f"{root} exists and is no file tree of ours: remove it or set {ROOT_VARIABLE}")
    shutil.rmtree(root)


def run_build(root: Path) -> None:
    """Build the tree and stamp it. Raises EmbeddedError with the end of what the script said."""
    new = root.with_name(root.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        done = subprocess.run(
            [str(BUILD), str(new)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as slow:
        raise EmbeddedError(f"building TimescaleDB's file tree took over {BUILD_SECONDS:.0f} s") from slow
    if done.returncode:
        raise EmbeddedError(f"TimescaleDB's file tree could not be built:\n{done.stdout[-4000:]}")
    stamp(new).write_text(build_version())
    new.rename(root)
