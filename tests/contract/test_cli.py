"""The command line as a whole: everything is there, and teaches."""

import pytest

from services.cli import COMMANDS, main


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert [name for name in COMMANDS if f"\n    {name} " not in shown] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 4


@pytest.mark.parametrize("name", ["doctor", "drain"])
def test_a_command_that_looks_everywhere_says_what_it_lacks(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOORSTREAM_ADDRESS", "http://127.0.0.1:9")
    monkeypatch.delenv("FLOORSTREAM_KAFKA", raising=False)
    monkeypatch.delenv("FLOORSTREAM_DATABASE_URL", raising=False)
    assert main([name]) == 2
    assert "FLOORSTREAM_DATABASE_URL" in capsys.readouterr().err


def test_an_unknown_command_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["dmeo"])
    assert ended.value.code == 2
    assert "demo" in capsys.readouterr().err
