"""The channels file: every error with line and key in both languages, and no message repeats a secret."""

from asyncio import to_thread
from pathlib import Path

import pytest

from schemas.channels import ChannelsError, Kind, load_channels
from schemas.visits_told import VisitsTold
from services.adapters.channels.file import BadChannels
from services.adapters.channels.opened import open_channels
from services.adapters.clock import SystemClock
from services.cli import main
from tests.phone_server import SECRET, PhoneServer

EXAMPLE = Path(__file__).parents[2] / "deploy" / "channels.example.yaml"


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "channels.yaml"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def test_the_example_is_right_and_shows_every_kind(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8")
    assert {channel.kind for channel in load_channels(text).channels.values()} == set(Kind)
    assert open_channels(written(tmp_path, text), SystemClock()).keys() == load_channels(text).channels.keys()


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("channels:\n  a: {kind: pager}", 2, "channels.a.kind", "expected"),
        ("channels:\n  a: {kind: wecom}", 2, "channels.a", "wecom needs `token`"),
        ("channels:\n  a: {kind: webhook, base_url: 'https://x'}", 2, "channels.a", "webhook needs `secret`"),
        ("channels:\n  a:\n    kind: wecom\n    token: T\n    secret: HIDDEN", 5, "channels.a.secret", "has no"),
        ("channels:\n  a: {kind: wecom, token: T, tokn: HIDDEN}", 2, "channels.a.tokn", "did you mean `token`"),
        ("channels:\n  a: {kind: wecom, token: 'https://q/send?key=HIDDEN'}", 2, "channels.a.token", "token alone"),
        ("channels:\n  a: {kind: webhook, secret: s, base_url: 'ftp://HIDDEN'}", 2, "channels.a.base_url", "https://"),
        ("channels:\n  a: {kind: webhook, secret: s, base_url: 'https://HIDDEN@h'}", 2, "channels.a.base_url", "expec"),
        ("channels:\n  a: {kind: wecom, token: T, per_minute: 0}", 2, "channels.a.per_minute", "from 1 to 6000"),
        ("visits:\n  m: {url: 'https://h', secret: s}", 2, "visits.m.from", "required"),
        ("visits:\n  m: {url: 'https://h', secret: HIDDEN, from: then}", 2, "visits.m.from", "expected"),
        ("visits:\n  m: {url: 'ftp://HIDDEN', secret: s, from: now}", 2, "visits.m.url", "https://"),
        ("visits:\n  m: {url: 'https://h', secret: s, from: now, batch: 501}", 2, "visits.m.batch", "from 1 to 500"),
        ("visits:\n  m: {url: 'https://h:99999', secret: s, from: now}", 2, "visits.m.url", "https://"),
        ("visits:\n  m: {url: 'https://a..b', secret: s, from: now}", 2, "visits.m.url", "https://"),
        ("visits:\n  m: {url: 'https://[::1', secret: s, from: now}", 2, "visits.m.url", "https://"),
        ("allow_private: [10.0.0.0/8, 'a b']", 1, "allow_private[1]", "network"),
        ("contacts:\n  z: {mobile: '@all'}", 2, "contacts.z.mobile", "mobile number"),
        ("contacts:\n  z: {feishu: all}", 2, "contacts.z.feishu", "one person"),
        ("", 1, "(file)", "empty"),
        ("a: [", 1, "(file)", "YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line_and_key(text: str, line: int, key: str, words: str) -> None:
    with pytest.raises(ChannelsError) as error:
        load_channels(text)
    problem = error.value.problems[0]
    assert (problem.line, problem.key) == (line, key)
    assert words in problem.en
    assert any(character >= "\u4e00" for character in problem.zh)
    assert "HIDDEN" not in problem.en + problem.zh


def test_all_errors_are_found_at_once() -> None:
    with pytest.raises(ChannelsError) as error:
        load_channels("channels:\n  a: {kind: wecom}\n  b: {kind: feishu, tokn: x}\n  c: {kind: apprise}")
    assert {problem.key for problem in error.value.problems} >= {"channels.a", "channels.b.tokn", "channels.c"}


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadChannels, match="chmod 600"):
        open_channels(written(tmp_path, "channels: {}", 0o640), SystemClock())


def test_an_address_that_apprise_cannot_read_is_named_but_not_repeated(tmp_path: Path) -> None:
    file = written(tmp_path, "channels: {a: {kind: apprise, url: 'nonsense://HIDDEN'}}")
    with pytest.raises(BadChannels, match=r"channels\.a") as error:
        open_channels(file, SystemClock())
    assert "HIDDEN" not in str(error.value)


def test_check_prints_errors_where_they_stand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "channels:\n  a: {kind: wecom}")
    assert main(["channels", "check", str(file)]) == 1
    assert capsys.readouterr().out.startswith(f"{file}:2: channels.a: wecom needs `token` / ")
    assert main(["channels", "check", str(written(tmp_path, "channels: {}"))]) == 0


async def test_a_test_message_prints_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with PhoneServer() as server:
        text = f"allow_private: [127.0.0.1]\nchannels: {{h: {{kind: webhook, base_url: '{server.url}', secret: S}}}}"
        file = written(tmp_path, text)
        assert await to_thread(main, ["channels", "test", "h", "--file", str(file)]) == 1
        assert "misconfigured HTTP 401" in capsys.readouterr().out
        file = written(tmp_path, text.replace("secret: S", f"secret: {SECRET}"))
        assert await to_thread(main, ["channels", "test", "h", "--file", str(file)]) == 0
        assert await to_thread(main, ["channels", "test", "other", "--file", str(file)]) == 2
        assert len(server.taken) == 1


async def test_a_subscriber_to_visits_is_tried_with_a_message_without_visits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with PhoneServer() as server:
        text = f"allow_private: [127.0.0.1]\nvisits: {{mes: {{url: '{server.url}/v', secret: {SECRET}, from: now}}}}"
        file = written(tmp_path, text)
        assert await to_thread(main, ["channels", "check", str(file)]) == 0
        assert "1 subscribers to visits" in capsys.readouterr().out
        assert await to_thread(main, ["channels", "test", "mes", "--file", str(file)]) == 0
        assert VisitsTold.model_validate(server.taken[0].body) == VisitsTold(subscriber="mes", visits=[])
        inside = written(tmp_path, text.replace("allow_private: [127.0.0.1]\n", ""))
        capsys.readouterr()
        assert await to_thread(main, ["channels", "test", "mes", "--file", str(inside)]) == 1
        assert "misconfigured" in capsys.readouterr().out
        assert len(server.taken) == 1
