"""The embedded database runs as root and as anybody, keeps its rows, and leaves the machine as it was."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil
import pytest

from services.embedded.database import Database
from services.embedded.errors import EmbeddedError
from services.embedded.postgres_account import COPY_PREFIX, installed_programs

ROOT = Path(__file__).parents[2]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the database as another user")


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database()
    yield database
    database.kill()


@pytest.fixture
def closed_dir() -> Iterator[Path]:
    """A data directory below a parent that only we may enter."""
    parent = Path(tempfile.mkdtemp(prefix="closed-"))
    yield parent / "data"
    shutil.rmtree(parent)


async def ask(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def children_of(database: Database) -> list[psutil.Process]:
    assert database.pid is not None
    server = psutil.Process(database.pid)
    return [server, *server.children(recursive=True)]


async def test_the_dsn_it_returns_answers_a_query(database: Database, closed_dir: Path) -> None:
    dsn = database.start(closed_dir)
    assert await ask(dsn, "SELECT 41 + 1") == 42


async def test_rows_survive_a_stop_and_a_kill(database: Database, closed_dir: Path) -> None:
    dsn = database.start(closed_dir)
    await ask(dsn, "CREATE TABLE scans AS SELECT generate_series(1, 1000) AS id")
    database.stop()
    dsn = database.start(closed_dir)
    await ask(dsn, "DELETE FROM scans WHERE id > 900")
    database.kill()
    dsn = database.start(closed_dir)
    assert await ask(dsn, "SELECT count(*) FROM scans") == 900


async def test_a_wrong_password_is_refused(database: Database, closed_dir: Path) -> None:
    parts = urlsplit(database.start(closed_dir))
    wrong = urlunsplit(parts._replace(netloc=f"floorstream:wrong@{parts.hostname}:{parts.port}"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(wrong, "SELECT 1")


def test_stop_leaves_no_process_and_may_be_repeated(database: Database, closed_dir: Path) -> None:
    database.start(closed_dir)
    processes = children_of(database)
    database.stop()
    database.stop()
    assert [process for process in processes if process.is_running()] == []


def test_kill_leaves_no_process(database: Database, closed_dir: Path) -> None:
    database.start(closed_dir)
    processes = children_of(database)
    database.kill()
    assert psutil.wait_procs(processes, timeout=5)[1] == []


async def test_a_cluster_half_made_is_made_again(database: Database, closed_dir: Path) -> None:
    (closed_dir / "postgres" / "data.new").mkdir(parents=True)
    (closed_dir / "postgres" / "data.new" / "PG_VERSION").write_text("18\n")
    assert await ask(database.start(closed_dir), "SELECT 1") == 1


def test_a_second_server_on_the_same_cluster_is_refused(
    database: Database, closed_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.embedded.database.ENDING_SECONDS", 0.1)
    database.start(closed_dir)
    with pytest.raises(EmbeddedError, match="already serves"):
        Database().start(closed_dir)


def test_a_pid_file_that_names_another_live_process_does_not_stop_it(database: Database, closed_dir: Path) -> None:
    database.start(closed_dir)
    pid_file = closed_dir / "postgres" / "data" / "postmaster.pid"
    left = pid_file.read_text().splitlines()
    database.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *left[1:]]) + "\n")
    database.start(closed_dir)
    assert database.pid is not None


def test_a_failed_start_shows_the_end_of_the_log(
    database: Database, closed_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.embedded.database.SETTINGS", {"shared_buffers": "none"})
    with pytest.raises(EmbeddedError, match=r"(?s)did not start .*invalid value for parameter .shared_buffers"):
        database.start(closed_dir)


@needs_root
def test_root_runs_it_as_a_user_without_rights(database: Database, closed_dir: Path) -> None:
    database.start(closed_dir)
    assert {process.username() for process in children_of(database)} == {"nobody"}


@needs_root
def test_root_changes_no_permission_outside_its_directory(database: Database, closed_dir: Path) -> None:
    closed_dir.mkdir()
    watched = [*closed_dir.parents, closed_dir, installed_programs(), *installed_programs().parents]
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in watched]
    database.start(closed_dir)
    assert [(path, path.stat().st_mode, path.stat().st_uid) for path in watched] == before
    assert stat.S_IMODE((closed_dir / "postgres").stat().st_mode) == 0o700


@needs_root
def test_programs_that_the_user_cannot_reach_are_copied_and_removed(
    database: Database, closed_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = closed_dir.parent / "site-packages"
    package = installed_programs().parents[1]
    shutil.copytree(package, hidden / package.name, ignore=shutil.ignore_patterns("include", "*.a"))
    shutil.copytree(package.with_name(f"{package.name}.libs"), hidden / f"{package.name}.libs")
    monkeypatch.syspath_prepend(str(hidden))
    database.start(closed_dir)
    copy = Path((closed_dir / "postgres.copy").read_text())
    assert copy.name.startswith(COPY_PREFIX)
    database.stop()
    assert not copy.exists()


@needs_root
async def test_an_ordinary_user_runs_it_as_himself() -> None:
    folder = Path(tempfile.mkdtemp(prefix="ordinary-"))
    os.chown(folder, *nobody())
    try:
        with ordinary_server(folder) as server:
            assert server.stdout is not None
            line = server.stdout.readline().split()
            assert line, server.communicate()[1]
            assert await ask(line[0], "SELECT 1") == 1
            server.communicate("stop\n", timeout=20)
            assert not psutil.pid_exists(int(line[1]))
    finally:
        shutil.rmtree(folder)


def nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def ordinary_server(folder: Path) -> subprocess.Popen[str]:
    """A Python of user nobody that runs the database until a line arrives."""
    program = (
        "import sys; from pathlib import Path; from services.embedded.database import Database\n"
        "database = Database(); print(database.start(Path(sys.argv[1])), database.pid, flush=True)\n"
        "sys.stdin.readline(); database.stop()"
    )
    packages = str(installed_programs().parents[2])
    user, group = nobody()
    return subprocess.Popen(
        [ordinary_python(), "-c", program, str(folder / "data")],
        user=user,
        group=group,
        extra_groups=[],
        cwd="/",
        env={"PYTHONPATH": f"{ROOT}:{packages}", "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ordinary_python() -> str:
    """A Python that user nobody can run, of our version if it is ours."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            user, group = nobody()
            done = subprocess.run(
                [python, "-c", "import sys; assert sys.version_info >= (3, 11)"],
                user=user,
                group=group,
                extra_groups=[],
                capture_output=True,
                cwd="/",
                check=False,
            )
        except PermissionError:
            continue
        if done.returncode == 0:
            return python
    pytest.skip("no Python >= 3.11 that an ordinary user can run")
