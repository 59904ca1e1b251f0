"""Notify as processes, with a real broker, a real database and a local receiver that writes down what it took."""

import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.notify_process import Alerts, NotifyProcesses, alerts_on
from tests.notify_alerts import now_us, record, returned
from tests.parts import ask, until
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
