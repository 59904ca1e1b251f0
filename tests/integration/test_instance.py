"""A command finds the one running stack, or says what to type."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.embedded.instance import (
    FILE_NAME,
    Instance,
    InstanceNotFound,
    find_instance,
    link_name,
    publish,
    withdraw,
)

ADDRESS, BROKER, DATABASE = "http://127.0.0.1:8081", "127.0.0.1:9999", "postgresql://u:p@127.0.0.1/d"


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A runtime directory of this test's own."""
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    return {"XDG_RUNTIME_DIR": str(runtime)}


def running(tmp_path: Path, name: str) -> Instance:
    """A stack that this process stands for."""
    folder = tmp_path / name
    folder.mkdir()
    return publish(folder, address=ADDRESS, broker=BROKER, database=DATABASE)


def ended(tmp_path: Path, name: str, runtime: str) -> Path:
    """A stack whose supervisor was killed: its file and its link are still there."""
    folder = tmp_path / name
    instance = running(tmp_path, name)
    dead = dataclasses.replace(instance, started="another boot:1")
    (folder / FILE_NAME).write_text(json.dumps(dataclasses.asdict(dead)))
    assert (Path(runtime) / "floorstream" / link_name(folder)).is_symlink()
    return folder


def test_the_only_live_stack_is_found(env: Mapping[str, str], tmp_path: Path) -> None:
    ended(tmp_path, "old", env["XDG_RUNTIME_DIR"])
    live = running(tmp_path, "new")
    assert find_instance(None, env) == live


def test_none_says_how_to_start_one(env: Mapping[str, str]) -> None:
    with pytest.raises(InstanceNotFound, match="floorstream demo"):
        find_instance(None, env)


def test_several_are_named_with_what_to_type(env: Mapping[str, str], tmp_path: Path) -> None:
    running(tmp_path, "one")
    running(tmp_path, "two")
    with pytest.raises(InstanceNotFound, match=rf"(?s)--instance {tmp_path}/one .*--instance {tmp_path}/two "):
        find_instance(None, env)


def test_an_explicit_data_directory_wins_over_settings(env: Mapping[str, str], tmp_path: Path) -> None:
    one = running(tmp_path, "one")
    running(tmp_path, "two")
    assert find_instance(one.data_dir, {**env, "FLOORSTREAM_KAFKA": "elsewhere:9092"}) == one


def test_settings_win_over_a_live_stack(env: Mapping[str, str], tmp_path: Path) -> None:
    running(tmp_path, "one")
    assert find_instance(None, {**env, "FLOORSTREAM_KAFKA": "elsewhere:9092"}).broker == "elsewhere:9092"


def test_an_explicit_stack_that_has_ended_says_how_to_start_it(env: Mapping[str, str], tmp_path: Path) -> None:
    folder = ended(tmp_path, "old", env["XDG_RUNTIME_DIR"])
    with pytest.raises(InstanceNotFound, match=f"floorstream up --data-dir {folder}"):
        find_instance(str(folder), env)


def test_a_withdrawn_stack_is_not_found(env: Mapping[str, str], tmp_path: Path) -> None:
    instance = running(tmp_path, "one")
    withdraw(Path(instance.data_dir))
    with pytest.raises(InstanceNotFound):
        find_instance(None, env)


def test_only_its_user_may_read_it(env: Mapping[str, str], tmp_path: Path) -> None:
    instance = running(tmp_path, "one")
    file, folder = Path(instance.data_dir, FILE_NAME), Path(env["XDG_RUNTIME_DIR"], "floorstream")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, folder)] == [0o600, 0o700]


def test_a_registry_that_others_may_enter_is_not_believed(env: Mapping[str, str], tmp_path: Path) -> None:
    running(tmp_path, "one")
    os.chmod(Path(env["XDG_RUNTIME_DIR"], "floorstream"), 0o755)
    with pytest.raises(InstanceNotFound):
        find_instance(None, env)
