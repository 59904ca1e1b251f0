"""What is sent and what is not, on a real database with a local receiver."""

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.adapters.channels.opened import open_channels
from services.adapters.clock import SystemClock
from services.core.notices import facts_of, steps
from tests.notify_alerts import MINUTE, counted, now_us, record, returned
from tests.outbox import Floor, outbox, told, waiting
from tests.parts import ask, until
from tests.phone_server import KEYWORD, SECRET, TOKEN, Mode, PhoneServer


@pytest.fixture
async def floor(database: str) -> AsyncIterator[Floor]:
    async with outbox(database) as floor:
        yield floor


@pytest.fixture
async def server() -> AsyncIterator[PhoneServer]:
    async with PhoneServer() as server:
        yield server


def raised(alert_id: str = "a|x", **changes: object) -> dict[str, object]:
    return record(**{"alert_id": alert_id, "at_us": now_us(), "raised_us": now_us(), **changes})


def over(alert_id: str = "a|x", **changes: object) -> dict[str, object]:
    return returned(**{"alert_id": alert_id, "at_us": now_us(), **changes})


async def taken(server: PhoneServer, number: int) -> None:
    async def enough() -> bool:
        return len(server.taken) >= number

    await until(enough, f"{number} messages")


async def test_an_incident_is_told_once_and_its_end_once(floor: Floor, server: PhoneServer) -> None:
    floor.send("robot", server.url)
    await floor.alert(raised())
    await taken(server, 1)
    await floor.alert(over())
    await until(floor.quiet, "all is sent")
    await floor.alert(raised(), over())
    await floor.alert(raised(incident=2, version=3))
    await taken(server, 3)
    assert told(server) == [("a|x/1/firing",), ("a|x/1/resolved",), ("a|x/2/firing",)]
    assert server.taken[0].headers["idempotency-key"] == "a%7Cx/1/robot"
    await until(lambda: counted_as(floor, "notify_sent_total", 2, channel="robot", kind="firing"), "both are counted")


async def test_what_is_over_before_it_was_told_is_not_told(floor: Floor, server: PhoneServer) -> None:
    await floor.alert(raised(), over(), raised("b|x"))
    floor.send("robot", server.url)
    await until(floor.quiet, "all is settled")
    assert told(server) == [("b|x/1/firing",)]
    assert await floor.states() == [
        ("a|x", 1, "firing", "collapsed"), ("a|x", 2, "resolved", "collapsed"), ("b|x", 1, "firing", "sent"),
    ]  # fmt: skip
    await until(lambda: counted_as(floor, "notify_collapsed_total", 2, channel="robot"), "it is counted")


async def test_the_end_goes_only_to_those_who_were_told(floor: Floor, server: PhoneServer) -> None:
    floor.send("robot", server.url)
    await floor.alert(raised(), to=["robot"])
    await floor.alert(over(), to=["robot", "hook"])
    await until(floor.quiet, "all is sent")
    assert await floor.states("hook") == []


async def test_an_end_that_is_not_worth_a_call_still_keeps_what_waits_from_being_sent(
    floor: Floor, server: PhoneServer
) -> None:
    await floor.alert(raised(), over(notify=False))
    floor.send("robot", server.url)
    await until(floor.quiet, "all is settled")
    assert server.taken == []


async def test_still_active_after_a_mute_is_told_and_so_is_its_end(floor: Floor, server: PhoneServer) -> None:
    floor.send("robot", server.url)
    await floor.alert(raised(notify=False), raised(version=2, change="mute_ended"))
    await taken(server, 1)
    await floor.alert(over(version=3))
    await taken(server, 2)
    assert told(server) == [("a|x/1/still_active",), ("a|x/1/resolved",)]
    assert "仍在告警" in server.taken[0].body["title"]


async def test_a_channel_that_is_not_there_is_recorded_and_nothing_waits(floor: Floor) -> None:
    query = "SELECT recipient, kind, state FROM notifications ORDER BY recipient, kind"
    found = steps(counted(record()), floor.model, lambda channel: False)
    found += steps(counted(returned()), floor.model, lambda channel: False)
    await floor.rows.write(found, {})
    rows = [tuple(row) for row in await ask(floor.dsn, query)]
    assert ("robot", "firing", "no_channel") in rows
    assert {state for _, _, state in rows} == {"no_channel"}
    assert len(rows) == 6


@pytest.mark.row(41)
@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.TOO_MANY, Mode.REDIRECT])
async def test_a_target_in_trouble_gets_one_message_after_it_is_well(
    mode: Mode, floor: Floor, server: PhoneServer
) -> None:
    server.mode = mode
    floor.send("robot", server.url)
    await floor.alert(raised())

    await until(lambda: tried(server, 1), "it was tried")
    server.mode = Mode.WELL
    if mode is Mode.REDIRECT:
        await until(lambda: is_stuck(floor), "the sender has noted that it makes no sense to go on")
        await ask(floor.dsn, "UPDATE notify_channels SET not_before = now()")
    await until(floor.quiet, "it is sent")
    assert told(server) == [("a|x/1/firing",)]
    assert floor.metric("notify_possible_repeats_total", channel="robot") == 0


async def is_stuck(floor: Floor) -> bool:
    return bool(await ask(floor.dsn, "SELECT 1 FROM notify_channels WHERE stuck"))


@pytest.mark.row(41)
async def test_over_while_the_target_is_away_calls_nobody_after_it_is_back(floor: Floor, server: PhoneServer) -> None:
    server.mode = Mode.ERROR
    floor.send("robot", server.url)
    await floor.alert(raised())
    await until(lambda: tried(server, 2), "it was tried")
    await floor.alert(over())
    await until(floor.quiet, "it is settled")
    server.mode = Mode.WELL
    await floor.alert(raised("b|x"))
    await taken(server, 1)
    assert told(server) == [("b|x/1/firing",)]


async def tried(server: PhoneServer, number: int) -> bool:
    return len(server.requests) >= number


@pytest.mark.row(41)
async def test_a_message_that_may_have_arrived_is_repeated_and_counted(floor: Floor, server: PhoneServer) -> None:
    server.mode = Mode.CLOSE_AFTER_TAKING
    floor.send("robot", server.url)
    await floor.alert(raised())
    await taken(server, 1)
    await floor.alert(over())
    server.mode = Mode.WELL
    await until(floor.quiet, "both are sent")
    assert server.keys == {"a|x/1/firing": 2, "a|x/1/resolved": 1}
    assert server.ids["a%7Cx/1/robot"] == 2
    await until(lambda: counted_as(floor, "notify_possible_repeats_total", 1, channel="robot"), "it is counted")
    assert (await ask(floor.dsn, "SELECT sum(repeats) FROM notifications"))[0][0] == 1


@pytest.mark.row(41)
async def test_one_target_that_is_slow_does_not_hold_up_another(floor: Floor, server: PhoneServer) -> None:
    async with PhoneServer(Mode.SLOW) as slow:
        floor.send("robot", slow.url)
        floor.send("hook", server.url)
        began = time.monotonic()
        await floor.alert(raised(), to=["robot", "hook"])
        await taken(server, 1)
        assert time.monotonic() - began < 2
        assert slow.taken == []


@pytest.mark.row(41)
async def test_a_target_that_is_away_is_asked_ever_less_often(floor: Floor, server: PhoneServer) -> None:
    server.mode = Mode.ERROR
    floor.send("robot", server.url)
    await floor.alert(*(raised(f"{n}|x") for n in range(5)))
    await until(lambda: tried(server, 4), "it was tried")
    pauses = [b.at - a.at for a, b in zip(server.requests, server.requests[1:], strict=False)]
    assert pauses[0] >= 0.5
    assert pauses[2] >= 2.0


async def test_what_is_a_day_old_is_given_up_and_shown(floor: Floor, server: PhoneServer) -> None:
    floor.send("robot", server.url)
    await floor.alert(raised(at_us=now_us() - 25 * 60 * MINUTE))
    await until(floor.quiet, "it is given up")
    assert await floor.states() == [("a|x", 1, "firing", "given_up")]
    await until(lambda: counted_as(floor, "notify_given_up_total", 1, channel="robot"), "it is counted")
    assert server.requests == []


@pytest.mark.row(42)
async def test_five_hundred_at_once_become_digests_and_nobody_is_left_out(floor: Floor, server: PhoneServer) -> None:
    await floor.alert(*(raised(f"rule|op-{n}", priority="critical" if n == 77 else "low") for n in range(500)))
    floor.send("robot", server.url)
    await until(floor.quiet, "all is told", 60)
    assert set(server.keys.values()) == {1}
    assert len(server.keys) == 500
    assert len(server.taken) == 1
    assert server.taken[0].body["title"] == "【汇总】告警 500 条，恢复 0 条"
    assert server.taken[0].body["alerts"][0]["alert_id"] == "rule|op-77"
    await until(lambda: counted_as(floor, "notify_digests_total", 1, channel="robot"), "it is counted")


@pytest.mark.row(42)
async def test_a_flood_never_silences_a_dingtalk_robot(floor: Floor, server: PhoneServer, tmp_path: Path) -> None:
    """While it sends, five hundred come one by one; the robot would be silenced by its twenty-first message."""
    file = tmp_path / "channels.yaml"
    file.touch(0o600)
    robot = f"kind: dingtalk, base_url: '{server.url}', token: {TOKEN}, secret: {SECRET}, keyword: {KEYWORD}"
    file.write_text(f"allow_private: [127.0.0.1]\nchannels: {{robot: {{{robot}}}}}", encoding="utf-8")
    floor.send_by("robot", open_channels(file, SystemClock())["robot"])
    for n in range(500):
        await floor.alert(raised(f"rule|op-{n}"))
    await until(lambda: few_left(floor, server), "the budget is used")
    await ask(floor.dsn, "UPDATE notify_attempts SET at = at - interval '61 seconds'")
    await until(floor.quiet, "all is told")
    assert server.too_often == 0
    assert len(server.taken) <= 20
    titles = [next(iter(r.body.get("markdown", r.body.get("actionCard", {})).values())) for r in server.taken]
    digests = [re.search(r"告警 (\d+) 条", title) for title in titles]
    assert sum(int(found[1]) if found else 1 for found in digests) == 500


async def few_left(floor: Floor, server: PhoneServer) -> bool:
    """Ten messages are out, or nothing waits any more."""
    return len(server.taken) >= 10 or await floor.quiet()


@pytest.mark.row(42)
async def test_a_flood_that_comes_one_by_one_is_ten_messages_and_then_digests(
    floor: Floor, server: PhoneServer
) -> None:
    floor.send("robot", server.url)
    for n in range(30):
        await floor.alert(raised(f"rule|op-{n:02}"))
        await until(lambda n=n: tried(server, min(n + 1, 10)), "it is told")
    assert len(server.taken) == 10
    assert len(await ask(floor.dsn, "SELECT 1 FROM notifications WHERE state = 'waiting'")) == 20
    await ask(floor.dsn, "UPDATE notify_attempts SET at = at - interval '1 minute'")
    await until(floor.quiet, "all is told")
    assert len(server.taken) == 11
    assert set(server.keys.values()) == {1}


async def test_a_digest_that_may_have_arrived_goes_out_again_as_it_was(floor: Floor, server: PhoneServer) -> None:
    server.mode = Mode.CLOSE_AFTER_TAKING
    await floor.alert(*(raised(f"a|{n}") for n in range(20)))
    floor.send("robot", server.url)
    await taken(server, 1)
    await floor.alert(*(raised(f"b|{n}") for n in range(5)))
    server.mode = Mode.WELL
    await until(floor.quiet, "all is told")
    key = server.taken[0].headers["idempotency-key"]
    first, again = (each for each in server.taken if each.headers["idempotency-key"] == key)
    assert first.body["alerts"] == again.body["alerts"]
    assert {number for name, number in server.keys.items() if name.startswith("b|")} == {1}


@pytest.mark.row(42, 43)
async def test_the_rate_is_never_passed_by_two_senders_and_a_restart(floor: Floor, server: PhoneServer) -> None:
    """Twenty a minute for many recipients of one channel: the send times are in the database."""
    await crowd(floor, server)
    await taken(server, 20)
    for task in floor.tasks:
        task.cancel()
    floor.send("robot", server.url, per_minute=20)
    began = time.monotonic()
    await until(lambda: passed(began, 3), "it had time for more")
    assert len(server.requests) == 20
    await ask(floor.dsn, "UPDATE notify_attempts SET at = at - interval '66 seconds'")
    await taken(server, 40)


@pytest.mark.row(42)
@pytest.mark.red("times of messages in the database")
async def test_without_the_times_in_the_database_it_is(floor: Floor, server: PhoneServer) -> None:
    floor.rows._sql = {**floor.rows._sql, "room": "SELECT NULL::timestamptz WHERE $1 = '' AND $2 = 0 AND $3 = 0.0"}
    await crowd(floor, server)
    await taken(server, 21)


async def crowd(floor: Floor, server: PhoneServer) -> None:
    """Sixty people to be told by one channel of twenty a minute, and two senders that do so."""
    for n in range(60):
        facts = facts_of(counted(raised(f"a|{n}")), floor.model, "firing")
        await floor.tell(waiting(facts, member=f"person-{n}"))
    floor.send("robot", server.url, per_minute=20)
    floor.send("robot", server.url, per_minute=20)


async def counted_as(floor: Floor, name: str, number: float, **labels: str) -> bool:
    return floor.metric(name, **labels) == number


async def passed(since: float, seconds: float) -> bool:
    return time.monotonic() - since > seconds
