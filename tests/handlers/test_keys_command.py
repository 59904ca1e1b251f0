"""`floorstream keys`: what it writes is what ingest reads, whole and for its owner only."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.adapters.alert_links import load_key
from services.adapters.api_keys import KeyFile, NoAccess, key_of
from services.adapters.api_keys_write import change_entries
from services.adapters.clock import SystemClock
from services.cli import main


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the key file is to be; not there yet."""
    path = tmp_path / "keys.json"
    monkeypatch.setenv("FLOORSTREAM_KEYS_FILE", str(path))
    return path


def new(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The token of a new key."""
    assert main(["keys", "new", *words]) == 0
    return capsys.readouterr().out.strip()


def may_write(file: Path, token: str) -> bool:
    try:
        key_of(KeyFile(file), f"Bearer {token}", SystemClock())
    except NoAccess:
        return False
    return True


def test_the_token_opens_the_door_as_its_source(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = new(capsys, "gate-1", "--source", "产线 1")
    assert key_of(KeyFile(file), f"Bearer {token}", SystemClock()).source == "产线 1"


def test_a_sandbox_key_is_marked_and_ends_by_itself(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = new(capsys, "try-1", "--sandbox")
    real = new(capsys, "gate-1")
    keys = KeyFile(file)
    tried = key_of(keys, f"Bearer {token}", SystemClock())
    assert tried.sandbox
    assert tried.expires is not None
    assert not key_of(keys, f"Bearer {real}", SystemClock()).sandbox
    assert main(["keys", "list"]) == 0
    assert "sandbox 试用" in capsys.readouterr().out


def test_init_makes_what_is_missing_and_nothing_else(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    link = file.with_name("link.key")
    monkeypatch.setenv("FLOORSTREAM_LINK_KEY_FILE", str(link))
    assert main(["keys", "init"]) == 0
    running = KeyFile(file)
    token, made = new(capsys, "gate-1"), load_key(link)
    assert main(["keys", "init"]) == 0
    assert key_of(running, f"Bearer {token}", SystemClock()).source == "gate-1"
    assert load_key(link) == made


def test_the_file_is_for_its_owner_and_holds_no_token(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = os.umask(0)
    try:
        secret = new(capsys, "gate-1").partition(".")[2]
    finally:
        os.umask(old)
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret not in file.read_text("utf-8")
    assert sorted(path.name for path in file.parent.iterdir()) == ["keys.json"]


def test_a_running_stage_notices_a_revoked_key(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token, other = new(capsys, "gate-1"), new(capsys, "gate-2")
    running = KeyFile(file)
    assert main(["keys", "revoke", "gate-1"]) == 0
    with pytest.raises(NoAccess):
        key_of(running, f"Bearer {token}", SystemClock())
    assert key_of(running, f"Bearer {other}", SystemClock()).source == "gate-2"


def test_a_key_revoked_again_keeps_the_first_time(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new(capsys, "gate-1")
    main(["keys", "revoke", "gate-1"])
    first = file.read_text("utf-8")
    assert main(["keys", "revoke", "gate-1"]) == 0
    assert file.read_text("utf-8") == first


def test_a_key_may_expire(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert may_write(file, new(capsys, "long", "--expires", "1h"))
    assert not may_write(file, new(capsys, "short", "--expires", "0s"))
    main(["keys", "list"])
    states = {line.split("\t")[0]: line.split("\t")[-1] for line in capsys.readouterr().out.splitlines()[1:]}
    assert states == {"long": "good 有效", "short": "expired 已过期"}


def test_what_is_not_there_or_there_already_is_refused(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new(capsys, "gate-1")
    before = file.read_bytes()
    assert main(["keys", "new", "gate-1"]) == 1
    assert main(["keys", "revoke", "gate-2"]) == 1
    assert file.read_bytes() == before


def test_a_spoiled_file_is_left_alone(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text('{"keys": [{"id": "x"}]}')
    file.chmod(0o600)
    assert main(["keys", "new", "gate-1"]) == 1
    assert "not as expected" in capsys.readouterr().err
    assert file.read_text() == '{"keys": [{"id": "x"}]}'


def test_without_a_file_named_nothing_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOORSTREAM_KEYS_FILE", raising=False)
    assert main(["keys", "list"]) == 2


@pytest.mark.parametrize("id", ["", "a.b", "a b", "键", "x" * 65])
def test_an_id_that_a_token_cannot_carry_is_a_usage_error(file: Path, id: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["keys", "new", id])
    assert end.value.code == 2


def test_many_at_once_lose_no_key(file: Path) -> None:
    def add(number: int) -> None:
        entry = {"id": str(number), "source": "s", "hash": "0" * 64}
        change_entries(file, lambda entries: [*entries, entry])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(40)))
    assert sorted(int(each["id"]) for each in json.loads(file.read_text())["keys"]) == list(range(40))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_leaves_the_file_to_whom_it_belongs(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new(capsys, "gate-1")
    os.chown(file, 10001, 10001)
    new(capsys, "gate-2")
    assert (file.stat().st_uid, file.stat().st_gid) == (10001, 10001)
