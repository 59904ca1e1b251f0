"""What the answers of each kind of target mean, over real sockets."""

from dataclasses import replace
from pathlib import Path

import pytest

from schemas.channels import load_channels
from services.adapters.channels import feishu, wecom
from services.adapters.channels.judged import retry_after_s
from services.adapters.channels.opened import open_channels
from services.adapters.channels.outbound import Answer
from services.adapters.clock import SystemClock
from services.core.delivery import Note, Outcome, Said
from services.core.messages import tell
from services.core.notices import facts_of
from services.ports import Channel
from tests.notify_alerts import plant, version
from tests.phone_server import KEYWORD, SECRET, TOKEN, Mode, PhoneServer

FACTS = facts_of(version(), plant(), "firing")
NOTE = Note("a/1/r", tell(FACTS, "both"), "https://f.example/andon?t=abc", ("zhang",), (FACTS,))
KINDS = ("dingtalk", "wecom", "feishu", "webhook")


def channel(server: PhoneServer, folder: Path, kind: str, **changes: str) -> Channel:
    keys = {"kind": kind, "base_url": server.url, "token": TOKEN, "secret": SECRET, "keyword": KEYWORD, **changes}
    unfit = {"wecom": {"secret", "keyword"}, "webhook": {"token", "keyword"}}.get(kind, set())
    file = folder / "channels.yaml"
    file.touch(0o600)
    inside = ", ".join(f'{key}: "{value}"' for key, value in keys.items() if key not in unfit)
    file.write_text(
        f"allow_private: [127.0.0.1]\ncontacts: {{zhang: {{mobile: '13800000000', feishu: ou_1}}}}\n"
        f"channels: {{it: {{{inside}}}}}\n",
        encoding="utf-8",
    )
    return open_channels(file, SystemClock())["it"]


async def sent(server: PhoneServer, folder: Path, kind: str, note: Note = NOTE, **changes: str) -> Outcome:
    way = channel(server, folder, kind, **changes)
    try:
        return await way.send(note)
    finally:
        await way.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_each_service_takes_what_we_send(kind: str, tmp_path: Path) -> None:
    async with PhoneServer() as server:
        for note in (NOTE, replace(NOTE, link=None), replace(NOTE, mentions=())):
            assert await sent(server, tmp_path, kind, note) == Outcome(Said.SENT)
        assert len(server.taken) == 3


@pytest.mark.parametrize(
    ("kind", "changes", "word"),
    [
        ("dingtalk", {"token": "other"}, "300005"),
        ("dingtalk", {"secret": "other"}, "sign not match"),
        ("dingtalk", {"keyword": "other"}, "keywords not in content"),
        ("wecom", {"token": "other"}, "93000"),
        ("feishu", {"token": "other"}, "19001"),
        ("feishu", {"secret": "other"}, "19021"),
        ("feishu", {"keyword": "other"}, "19024"),
        ("webhook", {"secret": "other"}, "HTTP 401"),
    ],
)
async def test_wrong_settings_are_told_with_what_to_do(
    kind: str, changes: dict[str, str], word: str, tmp_path: Path
) -> None:
    async with PhoneServer() as server:
        outcome = await sent(server, tmp_path, kind, **changes)
    assert outcome.said is Said.MISCONFIGURED
    assert word in outcome.detail
    assert "请" in outcome.detail or "keyword" in outcome.detail


@pytest.mark.row(41)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("mode", "said", "perhaps"),
    [
        (Mode.ERROR, Said.AWAY, False),
        (Mode.TOO_MANY, Said.TOO_OFTEN, False),
        (Mode.REDIRECT, Said.MISCONFIGURED, False),
        (Mode.HANG_UP, Said.AWAY, True),
        (Mode.CLOSE_AFTER_TAKING, Said.AWAY, True),
    ],
)
async def test_what_passes_and_what_stays(kind: str, mode: Mode, said: Said, perhaps: bool, tmp_path: Path) -> None:
    async with PhoneServer(mode) as server:
        outcome = await sent(server, tmp_path, kind)
    assert (outcome.said, outcome.perhaps) == (said, perhaps)
    assert outcome.retry_after_s == (1.0 if mode is Mode.TOO_MANY else None)


@pytest.mark.row(41)
async def test_a_program_that_says_much_has_taken_it_all_the_same(tmp_path: Path) -> None:
    """One that sends back what it took would else be asked again for ever."""
    async with PhoneServer(Mode.HUGE) as server:
        assert await sent(server, tmp_path, "webhook") == Outcome(Said.SENT)


@pytest.mark.row(41)
@pytest.mark.parametrize("mode", [Mode.GARBAGE, Mode.HUGE])
@pytest.mark.parametrize("kind", ["dingtalk", "wecom", "feishu"])
async def test_a_200_that_nobody_can_read_is_no_success(kind: str, mode: Mode, tmp_path: Path) -> None:
    async with PhoneServer(mode) as server:
        outcome = await sent(server, tmp_path, kind)
    assert (outcome.said, outcome.perhaps) == (Said.AWAY, True)


@pytest.mark.row(41)
async def test_a_target_that_is_slow_is_given_five_seconds(tmp_path: Path) -> None:
    async with PhoneServer(Mode.SLOW) as server:
        outcome = await sent(server, tmp_path, "webhook")
    assert (outcome.said, outcome.perhaps) == (Said.AWAY, True)


@pytest.mark.row(41)
async def test_nobody_listening_has_certainly_not_taken_it(tmp_path: Path) -> None:
    async with PhoneServer() as server:
        way = channel(server, tmp_path, "webhook")
    outcome = await way.send(NOTE)
    await way.close()
    assert (outcome.said, outcome.perhaps) == (Said.AWAY, False)


@pytest.mark.row(42)
async def test_the_twenty_first_message_in_a_minute_is_too_often(tmp_path: Path) -> None:
    async with PhoneServer() as server:
        way = channel(server, tmp_path, "dingtalk")
        outcomes = [await way.send(NOTE) for _ in range(21)]
        await way.close()
    assert [outcome.said for outcome in outcomes] == [Said.SENT] * 20 + [Said.TOO_OFTEN]
    assert outcomes[-1].retry_after_s == 600


async def test_no_outcome_repeats_a_token(tmp_path: Path) -> None:
    for mode in Mode:
        if mode is Mode.SLOW:
            continue
        async with PhoneServer(mode) as server:
            outcome = await sent(server, tmp_path, "dingtalk", token="wrong-but-secret")
        assert "wrong-but-secret" not in outcome.detail


@pytest.mark.parametrize(
    ("body", "said"),
    [(b'{"code": 0}', Said.SENT), (b'{"StatusCode": 0}', Said.SENT), (b'{"code": 424242}', Said.AWAY)],
)
def test_feishu_answers_in_two_forms(body: bytes, said: Said) -> None:
    assert feishu.judge(Answer(200, None, body), 0).said is said


def test_a_message_that_is_too_long_is_not_tried_again() -> None:
    assert wecom.judge(Answer(200, None, b'{"errcode": 45002, "errmsg": "x"}'), 0).said is Said.REFUSED


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("soon", None),
        ("-1", None),
        ("Mon, 23 Nov 2026 06:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2020 06:00:30 GMT", 0.0),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, 1_795_413_600_000_000) == seconds


def test_secrets_do_not_show_in_what_is_printed_of_the_file() -> None:
    shown = repr(load_channels("channels: {it: {kind: wecom, token: very-secret}}"))
    assert "very-secret" not in shown
