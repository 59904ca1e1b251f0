"""Notify as processes, with a real broker, a real database and a local receiver that writes down what it took."""

import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.adapters import alert_links
from services.core.identity import partition_of
from tests.integration.notify_process import Alerts, NotifyProcesses, alerts_on
from tests.notify_alerts import now_us, record, returned
from tests.parts import OPERATION_PARTITIONS, ask, until
from tests.phone_server import SECRET, PhoneServer

pytestmark = pytest.mark.real_broker

PLANT = f"""
site: {{id: SH1, time_zone: Asia/Shanghai}}
areas:
  - id: SMT
    work_centers:
      - id: L1
        operations: [{", ".join(f"{{id: OP{n}, wip_limit: 4}}" for n in range(20))}]
teams:
  - {{id: smt, work_centers: [L1], channels: [hook]}}
"""


@pytest.fixture
async def server() -> AsyncIterator[PhoneServer]:
    async with PhoneServer() as server:
        yield server


@pytest.fixture
def notify(fresh_broker: str, database: str, tmp_path: Path, server: PhoneServer) -> Iterator[NotifyProcesses]:
    channels = (
        "allow_private: [127.0.0.1]\n"
        f"channels: {{hook: {{kind: webhook, base_url: '{server.url}', secret: {SECRET}, per_minute: 6000}}}}\n"
    )
    processes = NotifyProcesses(fresh_broker, database, tmp_path, channels)
    yield processes
    processes.end()


@pytest.fixture
async def alerts(fresh_broker: str) -> AsyncIterator[Alerts]:
    async with alerts_on(fresh_broker, PLANT) as alerts:
        yield alerts


def raised(number: int = 0, **changes: Any) -> dict[str, Any]:
    now = now_us()
    operation = f"OP{number}"
    alert = {"alert_id": f"wip_limit|{operation}", "subject_id": operation, "at_us": now, "raised_us": now}
    return record(**{**alert, **changes})


def over(number: int = 0, **changes: Any) -> dict[str, Any]:
    operation = f"OP{number}"
    return returned(**{"alert_id": f"wip_limit|{operation}", "subject_id": operation, "at_us": now_us(), **changes})


def firing(number: int = 0, incident: int = 1) -> str:
    return f"wip_limit|OP{number}/{incident}/firing"


async def ended(child: subprocess.Popen[bytes], seconds: float = 60) -> int:
    async def gone() -> bool:
        return child.poll() is not None

    await until(gone, "the notifier has ended", seconds)
    assert isinstance(child.returncode, int)
    return child.returncode


async def all_told(dsn: str, rows: int) -> bool:
    counts = await ask(dsn, "SELECT count(*), count(*) FILTER (WHERE state = 'waiting') FROM notifications")
    return tuple(counts[0]) == (rows, 0)


async def leases_run_out(dsn: str) -> None:
    """As if thirty seconds had passed."""
    await ask(dsn, "UPDATE notifications SET lease_until = now() - interval '1 second' WHERE lease IS NOT NULL")


async def repeats(dsn: str) -> int:
    return int((await ask(dsn, "SELECT coalesce(sum(repeats), 0) FROM notifications"))[0][0])


async def test_an_alert_reaches_the_team_and_so_does_its_end(
    notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer
) -> None:
    child = notify.start()
    await alerts.write(raised())
    await until(lambda: all_told(database, 1), "it is told")
    await alerts.write(over())
    await until(lambda: all_told(database, 2), "its end is told")
    assert server.keys == {firing(): 1, "wip_limit|OP0/1/resolved": 1}
    child.terminate()
    assert await ended(child) == 0


@pytest.mark.row(7)
async def test_asked_to_stop_it_ends_what_is_under_way(
    notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer
) -> None:
    server.delay = 1.0
    child = notify.start()
    await alerts.write(raised())
    await until(lambda: taken(server, 1), "it is being sent")
    child.terminate()
    assert await ended(child) == 0
    assert await all_told(database, 1)


async def taken(server: PhoneServer, number: int) -> bool:
    return len(server.taken) >= number


@pytest.mark.row(5)
@pytest.mark.parametrize(
    ("point", "taken", "counted"), [("leased", 1, 0), ("before_send", 1, 1), ("after_send", 2, 1), ("after_mark", 1, 0)]
)
async def test_killed_at_a_named_point(
    point: str, taken: int, counted: int, notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer
) -> None:
    """Repeated only where it was sent and not marked; counted wherever that cannot be excluded."""
    child = notify.start(KILL_AT=f"{point}:1")
    await alerts.write(raised())
    assert await ended(child) == -signal.SIGKILL
    await leases_run_out(database)
    notify.start()
    await alerts.write(raised(1))
    await until(lambda: all_told(database, 2), "all is told")
    assert server.keys == {firing(): taken, firing(1): 1}
    assert len(server.ids) == 2
    assert await repeats(database) == counted


@pytest.mark.row(5)
@pytest.mark.red("attempts on record")
async def test_without_attempts_on_record_a_repeat_is_not_counted(
    notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer
) -> None:
    child = notify.start(KILL_AT="after_send:1", WITHOUT="attempts")
    await alerts.write(raised())
    assert await ended(child) == -signal.SIGKILL
    await leases_run_out(database)
    notify.start()
    await until(lambda: all_told(database, 1), "it is told")
    assert server.keys == {firing(): 2}
    assert await repeats(database) == 0


@pytest.mark.row(43)
async def test_two_at_once_send_each_message_once(
    notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer
) -> None:
    notify.start("0")
    notify.start("1")
    await until(lambda: both_ready(notify), "both take work")
    for incident in range(1, 6):
        version = 2 * incident - 1
        await alerts.write(*(raised(n, incident=incident, version=version) for n in range(20)))
        await until(lambda rows=2 * incident - 1: all_told(database, 20 * rows), "they are told", 90)
        await alerts.write(*(over(n, incident=incident, version=version + 1) for n in range(20)))
        await more_messages_allowed(database)
        await until(lambda rows=2 * incident: all_told(database, 20 * rows), "their ends are told", 90)
        await more_messages_allowed(database)
    assert set(server.keys.values()) == {1}
    assert len(server.keys) == 5 * 20 * 2
    assert await repeats(database) == 0


async def both_ready(notify: NotifyProcesses) -> bool:
    return notify.log.count("takes work") >= 2


async def more_messages_allowed(dsn: str) -> None:
    """As if ten minutes had passed."""
    await ask(dsn, "UPDATE notify_attempts SET at = at - interval '11 minutes'")


@pytest.mark.row(43)
@pytest.mark.red("leases")
@pytest.mark.slow
async def test_without_leases_two_at_once_send_messages_twice(
    notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer
) -> None:
    server.delay = 0.5
    notify.start("0", WITHOUT="leases")
    notify.start("1", WITHOUT="leases")
    await until(lambda: both_ready(notify), "both take work")
    await alerts.write(*(raised(n) for n in range(5)))
    await until(lambda: twice(server), "a message came twice")


async def twice(server: PhoneServer) -> bool:
    return max(server.keys.values(), default=0) > 1


@pytest.mark.row(43)
@pytest.mark.parametrize("point", ["leased", pytest.param("before_send", marks=pytest.mark.slow)])
async def test_a_holder_that_sleeps_past_its_lease_sends_nothing_when_it_wakes_up(
    point: str, notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer
) -> None:
    sleeper = notify.start("0", PAUSE_AT=f"{point}:1", SHORT_LEASE="1")
    await alerts.write(raised())
    await until(lambda: is_leased(database), "it holds a lease")
    await until(lambda: leases_over(database), "its lease has run out")
    notify.start("1")
    await until(lambda: all_told(database, 1), "the other has told it")
    sleeper.send_signal(signal.SIGCONT)
    await until(lambda: said(notify, "lease ran out"), "it has noticed")
    await alerts.write(raised(1))
    await until(lambda: all_told(database, 2), "work goes on")
    assert server.keys == {firing(): 1, firing(1): 1}
    assert await repeats(database) == (1 if point == "before_send" else 0)


@pytest.mark.row(43)
@pytest.mark.red("the check of its lease")
@pytest.mark.slow
async def test_without_the_check_of_its_lease_it_does_send(
    notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer
) -> None:
    sleeper = notify.start("0", PAUSE_AT="leased:1", SHORT_LEASE="1", WITHOUT="attempts")
    await alerts.write(raised())
    await until(lambda: is_leased(database), "it holds a lease")
    await until(lambda: leases_over(database), "its lease has run out")
    notify.start("1")
    await until(lambda: all_told(database, 1), "the other has told it")
    sleeper.send_signal(signal.SIGCONT)
    await until(lambda: twice(server), "it comes twice")


async def is_leased(dsn: str) -> bool:
    return bool(await ask(dsn, "SELECT 1 FROM notifications WHERE lease IS NOT NULL"))


async def leases_over(dsn: str) -> bool:
    return not await ask(dsn, "SELECT 1 FROM notifications WHERE lease_until > now()")


async def said(notify: NotifyProcesses, words: str) -> bool:
    return words in notify.log


@pytest.mark.row(35)
async def test_whoever_has_lost_a_partition_is_not_listened_to_even_after_a_restart(
    notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer
) -> None:
    await late_writer(notify, alerts, database)
    assert server.keys == {firing(): 1}


@pytest.mark.row(35)
@pytest.mark.red("epochs")
@pytest.mark.slow
async def test_without_epochs_it_is(
    notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer
) -> None:
    await late_writer(notify, alerts, database, WITHOUT="epochs")
    assert server.keys == {firing(): 1, firing(incident=9): 1}


async def late_writer(notify: NotifyProcesses, alerts: Alerts, database: str, **environment: str) -> None:
    """The owner changes; a late record of the former one is read by a notifier that was started only then."""
    partition = partition_of("OP0", OPERATION_PARTITIONS)
    former = await alerts.own(partition)
    await alerts.own(partition)
    child = notify.start(**environment)
    await alerts.write(raised())
    await until(lambda: all_told(database, 1), "it is told")
    child.terminate()
    await ended(child)
    await alerts.write(raised(incident=9, version=90), epoch=former)
    notify.start(**environment)
    await alerts.write(returned_in(partition))
    await until(lambda: read_to_the_end(database, partition), "all is read")
    await until(lambda: none_waits(database), "all is told")


def returned_in(partition: int) -> dict[str, Any]:
    """A record that calls nobody, in this partition."""
    number = next(n for n in range(1, 20) if partition_of(f"OP{n}", OPERATION_PARTITIONS) == partition)
    return over(number)


async def read_to_the_end(dsn: str, partition: int) -> bool:
    return bool(await ask(dsn, "SELECT 1 FROM notify_positions WHERE partition = $1 AND position >= 5", partition))


async def none_waits(dsn: str) -> bool:
    return not await ask(dsn, "SELECT 1 FROM notifications WHERE state = 'waiting'")


@pytest.mark.row(27)
async def test_records_read_again_from_the_beginning_tell_nobody_twice(
    notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer
) -> None:
    await read_twice(notify, alerts, database)
    assert server.keys == {firing(n): 1 for n in range(5)}


@pytest.mark.row(27)
@pytest.mark.red("rows that know themselves")
@pytest.mark.slow
async def test_rows_that_do_not_know_themselves_again_would(
    notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer
) -> None:
    await read_twice(notify, alerts, database, WITHOUT="rows that know")
    assert max(server.keys.values()) > 1


async def read_twice(notify: NotifyProcesses, alerts: Alerts, database: str, **environment: str) -> None:
    child = notify.start(**{"WITHOUT": "positions", **environment})
    await alerts.write(*(raised(n) for n in range(4)))
    await until(lambda: told_at_least(database, 4), "they are told")
    child.terminate()
    await ended(child)
    notify.start(**{"WITHOUT": "positions", **environment})
    await alerts.write(raised(4))
    await until(lambda: told_at_least(database, 5), "the next one is told")
    await until(lambda: none_waits(database), "nothing waits")


async def told_at_least(dsn: str, rows: int) -> bool:
    return int((await ask(dsn, "SELECT count(*) FROM notifications WHERE state = 'sent'"))[0][0]) >= rows


@pytest.mark.row(5)
@pytest.mark.slow
async def test_killed_again_and_again_under_load_nobody_is_forgotten(
    notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer
) -> None:
    kills = ("leased:2", "before_send:2", "after_send:3", "after_mark:2")
    for round_, point in enumerate(kills):
        await alerts.write(*(raised(3 * round_ + n) for n in range(3)))
        await more_messages_allowed(database)
        child = notify.start(KILL_AT=point)
        assert await ended(child) == -signal.SIGKILL
        await leases_run_out(database)
    await more_messages_allowed(database)
    notify.start()
    await until(lambda: all_told(database, 12), "all are told")
    assert len(server.keys) == 12
    again = sum(server.ids.values()) - len(server.ids)
    assert again <= await repeats(database) <= len(kills)


async def test_without_a_channels_file_it_is_recorded_who_would_have_been_told(
    notify: NotifyProcesses, alerts: Alerts, database: str
) -> None:
    notify.start(FLOORSTREAM_CHANNELS_FILE="")
    await alerts.write(raised(), raised(1))
    await until(lambda: all_told(database, 2), "it is recorded")
    states = await ask(database, "SELECT recipient, state FROM notifications")
    assert {tuple(row) for row in states} == {("hook", "no_channel")}
    assert notify.log.count("has no channel hook") == 1


async def test_a_bad_channels_file_is_a_matter_of_settings(notify: NotifyProcesses, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.touch(0o600)
    bad.write_text("channels: {a: {kind: pager}}", encoding="utf-8")
    assert await ended(notify.start(FLOORSTREAM_CHANNELS_FILE=str(bad))) == 2
    assert f"{bad}:1: channels.a.kind" in notify.log


async def test_another_channels_file_is_a_reason_to_start_again_a_bad_one_is_not(
    notify: NotifyProcesses, tmp_path: Path
) -> None:
    child, file = notify.start(), tmp_path / "channels.yaml"
    good = file.read_text(encoding="utf-8")
    await until(lambda: said(notify, "takes work"), "it takes work")
    file.write_text("channels: {a: {kind: pager}}", encoding="utf-8")
    await until(lambda: said(notify, "going on as before"), "it has seen the bad one")
    assert child.poll() is None
    file.write_text(good.replace("hook:", "other:"), encoding="utf-8")
    assert await ended(child) == 1


async def test_messages_link_to_the_alert_by_a_token_of_their_own(
    notify: NotifyProcesses, alerts: Alerts, database: str, server: PhoneServer, tmp_path: Path
) -> None:
    alert_links.make_key(tmp_path / "link.key")
    notify.start(FLOORSTREAM_PUBLIC_URL="http://plant/", FLOORSTREAM_LINK_KEY_FILE=str(tmp_path / "link.key"))
    await alerts.write(raised())
    await until(lambda: all_told(database, 1), "it is told")
    address, _, token = server.taken[0].body["link"].partition("?t=")
    link = alert_links.read(alert_links.load_key(tmp_path / "link.key"), token, now_us())
    assert address == "http://plant/andon"
    assert (link.alert_id, link.incident, link.recipient) == ("wip_limit|OP0", 1, "hook")
    assert token not in notify.log
