"""What a data directory was used for: never continued on another log, and nobody else's files are removed."""

from pathlib import Path

import pytest

from services.embedded.data_dir import UnusableDirectory, note_used, prepare_directory, refuse_foreign


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A directory that a stack with the embedded broker has used, held by a supervisor now."""
    note_used(tmp_path, "embedded")
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "rows").touch()
    for name in ("lock", "processes.json"):
        (tmp_path / name).touch()
    return tmp_path


def test_a_new_directory_may_be_used_with_any_broker(tmp_path: Path) -> None:
    prepare_directory(tmp_path, "embedded", fresh=False)
    prepare_directory(tmp_path, "apache", fresh=False)


@pytest.mark.parametrize("broker", ["embedded", "apache"])
def test_a_directory_is_used_again_with_its_broker(tmp_path: Path, broker: str) -> None:
    note_used(tmp_path, broker)
    (tmp_path / "postgres").mkdir()
    prepare_directory(tmp_path, broker, fresh=False)
    assert (tmp_path / "postgres").exists()


@pytest.mark.parametrize(("before", "now"), [("embedded", "apache"), ("apache", "embedded")])
def test_the_log_of_another_broker_is_not_continued(tmp_path: Path, before: str, now: str) -> None:
    note_used(tmp_path, before)
    with pytest.raises(UnusableDirectory, match=f"--broker {before}"):
        prepare_directory(tmp_path, now, fresh=False)


def test_fresh_removes_everything_but_what_the_supervisor_holds(used: Path) -> None:
    prepare_directory(used, "embedded", fresh=True)
    assert {entry.name for entry in used.iterdir()} == {"lock", "processes.json"}


def test_a_directory_with_other_files_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UnusableDirectory, match="other files"):
        refuse_foreign(tmp_path)


def test_what_a_broken_start_leaves_is_ours(tmp_path: Path) -> None:
    for name in ("lock", "processes.json"):
        (tmp_path / name).touch()
    (tmp_path / "logs").mkdir()
    refuse_foreign(tmp_path)
