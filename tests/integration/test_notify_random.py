"""Random lives of alerts, a target that fails in every way and two senders: what holds whatever happens.

Per alert, first comes what was first; no end without its begin; nothing is lost that has to be told, and what came
twice was counted before it was sent.
"""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.notify_alerts import now_us, record, returned
from tests.outbox import Floor, outbox
from tests.parts import ask, until
from tests.phone_server import Mode, PhoneServer

ALERTS = 6
CHANGES = 70
MODES = (Mode.WELL, Mode.WELL, Mode.ERROR, Mode.CLOSE_AFTER_TAKING, Mode.HANG_UP, Mode.TOO_MANY)


class Life:
    """One alert, change by change."""

    def __init__(self, number: int) -> None:
        self._id = f"rule|op-{number}"
        self._version = 0
        self._incident = 0
        self._active = False

    def change(self, rng: random.Random) -> dict[str, Any]:
        """The next version: raised, still active, only updated, or over."""
        self._version += 1
        own = {"alert_id": self._id, "version": self._version, "at_us": now_us()}
        if not self._active:
            self._active, self._incident = True, self._incident + 1
            return record(**own, incident=self._incident, raised_us=now_us(), notify=rng.random() < 0.9)
        if rng.random() < 0.3:
            change = rng.choice(["mute_ended", "updated"])
            return record(**own, incident=self._incident, change=change, notify=change != "updated")
        self._active = False
        return returned(**own, incident=self._incident)


@pytest.fixture
async def floor(database: str) -> AsyncIterator[Floor]:
    async with outbox(database) as floor:
        yield floor


@pytest.mark.row(41)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_whatever_happens(seed: int, floor: Floor) -> None:
    await live(seed, floor)


@pytest.mark.row(41)
@pytest.mark.red
@pytest.mark.slow
@pytest.mark.parametrize(
    ("defence", "instead"),
    [("e.version < n.version", "e.version < 0"), ("perhaps = perhaps OR $4", "perhaps = false AND $4")],
    ids=["order", "what may have arrived"],
)
async def test_it_is_noticed_without(defence: str, instead: str, floor: Floor) -> None:
    floor.rows._sql = {name: text.replace(defence, instead) for name, text in floor.rows._sql.items()}
    with pytest.raises(AssertionError):
        await live(1, floor)


async def live(seed: int, floor: Floor) -> None:
    """A life of all of them, and what must hold after it."""
    rng, lives = random.Random(seed), [Life(n) for n in range(ALERTS)]
    async with PhoneServer() as server:
        for _ in range(2):
            floor.send("robot", server.url)
        for _ in range(CHANGES):
            server.mode = rng.choice(MODES)
            await floor.alert(rng.choice(lives).change(rng))
            before = len(server.requests)
            if rng.random() < 0.6:
                await until(lambda before=before: asked(server, floor, before), "something happens")
        server.mode = Mode.WELL
        await until(lambda: quiet_without_pauses(floor), "all is settled", 60)
        await check(floor, server)


async def asked(server: PhoneServer, floor: Floor, before: int) -> bool:
    await no_pauses(floor)  # again and again: a sender may be about to note one
    return len(server.requests) > before or await floor.quiet()


async def no_pauses(floor: Floor) -> None:
    """As if time had passed for the target: it may be asked, budgets are fresh."""
    await ask(floor.dsn, "UPDATE notify_channels SET not_before = NULL")
    await ask(floor.dsn, "UPDATE notify_attempts SET at = at - interval '11 minutes' WHERE outcome IS NOT NULL")


async def quiet_without_pauses(floor: Floor) -> bool:
    await no_pauses(floor)
    return await floor.quiet()


async def check(floor: Floor, server: PhoneServer) -> None:
    taken = [(a["alert_id"], a["version"], a["incident"], a["kind"]) for r in server.taken for a in r.body["alerts"]]
    first: dict[tuple[Any, ...], int] = {}
    for at, alert in enumerate(taken):
        first.setdefault(alert, at)
    for alert_id in {alert[0] for alert in first}:
        versions = [alert[1] for alert in first if alert[0] == alert_id]
        assert versions == sorted(versions), f"{alert_id}: something overtook"
    for alert_id, _, incident, kind in first:
        if kind == "resolved":
            assert any(a == alert_id and i == incident and k != "resolved" for a, _, i, k in first)
    rows = await ask(floor.dsn, "SELECT alert_id, version, incident, kind, state, repeats FROM notifications")
    told = {(r["alert_id"], r["version"], r["incident"], r["kind"]) for r in rows if r["state"] == "sent"}
    assert told <= set(first)
    assert {row["state"] for row in rows} <= {"sent", "collapsed"}
    assert len(taken) - len(first) <= sum(row["repeats"] for row in rows)
