"""What people do about alerts over HTTP: by what right, what is written, when it is done, and what changes nothing."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.alerts import AlertAction
from schemas.message import validated
from services.adapters import alert_links
from services.adapters.api_keys import KeyFile, new_key
from services.adapters.api_pace import BURST, MOST_KNOWN, Pace
from services.core.instant import format_instant
from services.show.alert_acts import MOST_REMEMBERED
from services.show.app import ShowDeps, create_app
from services.topology import ALERT_ACTIONS
from tests.alerts import acknowledged, alert, give_alert, partition
from tests.show_floor import MINUTE, SECOND, T0, MemoryOutbox, SetClock, deps, model

KEY = b"k" * 32
DONE = {"incident": 1, "by": "李明", "action_id": "a1"}
ADDRESS = "/v1/alerts/wip_limit|A/acknowledge"


def show(**more: Any) -> tuple[ShowDeps, MemoryOutbox]:
    """Show with one alert, and where its actions go."""
    outbox = MemoryOutbox()
    shown = deps(outbox=outbox, link_key=KEY, **more)
    shown.board.take_model(model({"A": {}}))
    give_alert(shown, alert())
    return shown, outbox


def asking(
    shown: ShowDeps, client: str = "127.0.0.1", host: str = "127.0.0.1:8080", **headers: str
) -> httpx.AsyncClient:
    """A client of the application itself."""
    transport = httpx.ASGITransport(create_app(shown), client=(client, 5))
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}", headers=headers)


def token(alert_id: str = "wip_limit|A", incident: int = 1, recipient: str = "robot|li", now_us: int = T0) -> str:
    """A link."""
    return alert_links.new(KEY, alert_id, incident, recipient, now_us)


def written(outbox: MemoryOutbox) -> list[dict[str, Any]]:
    """The actions in floor.alert_actions."""
    return [json.loads(record.value or b"") for record in outbox.sent]


async def test_what_is_written_is_an_action_of_the_contract_in_the_partition_of_its_subject() -> None:
    shown, outbox = show()
    async with asking(shown) as client:
        answer = await client.post(ADDRESS, json=DONE)
    assert answer.status_code == 202
    [record] = outbox.sent
    assert (record.topic, record.partition, record.key) == (ALERT_ACTIONS.name, partition(alert()), b"wip_limit|A")
    [action] = written(outbox)
    assert validated(AlertAction, action).action_id == "a1"
    assert (action["by"], action["via"], action["at_us"], action["incident"]) == ("李明", "this-machine", T0, 1)


async def test_it_is_done_once_the_alert_shows_it() -> None:
    shown, outbox = show(wait_s=20)
    async with asking(shown) as client:
        asked = asyncio.create_task(client.post(ADDRESS, json=DONE))
        async with asyncio.timeout(10):
            while not outbox.sent:  # noqa: ASYNC110 — the outbox has no event
                await asyncio.sleep(0)
        assert not asked.done()
        give_alert(shown, acknowledged())
        answer = await asked
    assert answer.status_code == 200
    assert answer.json()["alert"]["state"] == "active_acknowledged"


async def test_an_action_that_changed_nothing_is_done_once_it_is_counted_in() -> None:
    shown, _ = show(wait_s=20)
    async with asking(shown) as client:
        asked = asyncio.create_task(client.post("/v1/alerts/wip_limit|A/shelve", json={**DONE, "reason": "x"}))
        await asyncio.sleep(0)
        give_alert(shown, alert(version=2, change="updated", action_offset=0))
        assert (await asked).status_code == 200


async def test_a_repeat_is_waited_for_and_not_written_again() -> None:
    shown, outbox = show()
    async with asking(shown) as client:
        for _ in range(3):
            assert (await client.post(ADDRESS, json=DONE)).status_code == 202
    assert len(outbox.sent) == 1


async def test_whoever_comes_second_is_told_who_was_first() -> None:
    shown, outbox = show()
    give_alert(shown, acknowledged("王芳"))
    async with asking(shown) as client:
        answer = await client.post(ADDRESS, json=DONE)
    assert (answer.status_code, answer.json()["alert"]["acknowledged_by"], outbox.sent) == (200, "王芳", [])


@pytest.mark.parametrize("incident", [0, 2])
async def test_another_incident_is_left_alone(incident: int) -> None:
    shown, outbox = show()
    async with asking(shown) as client:
        answer = await client.post(ADDRESS, json={**DONE, "incident": incident})
    assert (answer.status_code, answer.json()["code"], outbox.sent) == (409, "other-incident", [])
    assert answer.json()["alert"]["incident"] == 1


async def test_shelving_says_until_when_and_why() -> None:
    shown, outbox = show()
    until = T0 + 30 * MINUTE
    body = {**DONE, "reason": "计划停机", "until": format_instant(until)}
    async with asking(shown) as client:
        await client.post("/v1/alerts/wip_limit|A/shelve", json=body)
    [action] = written(outbox)
    assert (action["action"], action["until_us"], action["reason"]) == ("shelve", until, "计划停机")


async def test_what_is_not_shelved_needs_no_unshelving() -> None:
    shown, outbox = show()
    async with asking(shown) as client:
        assert (await client.post("/v1/alerts/wip_limit|A/unshelve", json=DONE)).status_code == 200
    assert outbox.sent == []


@pytest.mark.parametrize(
    ("action", "changed", "status", "code"),
    [
        ("acknowledge", {"by": None}, 422, "invalid"),
        ("acknowledge", {"by": "a\nb"}, 422, "invalid"),
        ("acknowledge", {"by": "x" * 257}, 422, "invalid"),
        ("acknowledge", {"incident": None}, 422, "invalid"),
        ("acknowledge", {"action_id": "x" * 129}, 422, "invalid"),
        ("shelve", {}, 422, "invalid"),
        ("shelve", {"reason": "x" * 501}, 422, "invalid"),
        ("shelve", {"reason": "x", "until": format_instant(T0)}, 422, "invalid"),
        ("shelve", {"reason": "x", "until": format_instant(T0 + 8 * 1440 * MINUTE)}, 422, "invalid"),
        ("acknowledge", {"by": "x" * 9_000}, 413, "too-large"),
    ],
)
async def test_what_cannot_be_done_is_said_and_not_written(
    action: str, changed: dict[str, Any], status: int, code: str
) -> None:
    shown, outbox = show()
    async with asking(shown, **{"Accept-Language": "zh"}) as client:
        answer = await client.post(f"/v1/alerts/wip_limit|A/{action}", json={**DONE, **changed})
    assert (answer.status_code, answer.json()["code"], outbox.sent) == (status, code, [])
    assert any("\u4e00" <= letter <= "\u9fff" for letter in answer.json()["detail"])


async def test_an_alert_that_there_is_not_is_not_found() -> None:
    shown, outbox = show()
    async with asking(shown) as client:
        answer = await client.post("/v1/alerts/wip_limit|Z/acknowledge", json=DONE)
    assert (answer.status_code, outbox.sent) == (404, [])


async def test_while_the_broker_is_away_nothing_is_promised() -> None:
    shown, outbox = show()
    outbox.away = True
    async with asking(shown) as client:
        answer = await client.post(ADDRESS, json=DONE)
    assert (answer.status_code, answer.json()["code"]) == (503, "broker-away")
    assert "retry-after" in answer.headers


async def test_what_is_remembered_of_actions_is_bounded() -> None:
    shown, _ = show(wait_s=0)
    shown.alerts.rights.pace.burst = 1e9
    async with asking(shown) as client:
        for n in range(MOST_REMEMBERED + 5):
            await client.post(ADDRESS, json={**DONE, "action_id": f"a{n}"})
    assert len(shown.alerts.acts._sent) == MOST_REMEMBERED


# By what right


@pytest.mark.parametrize("header", ["X-Alert-Token", "Authorization"])
async def test_a_link_acknowledges_its_alert_and_says_who_it_was(header: str) -> None:
    shown, outbox = show()
    value = token() if header == "X-Alert-Token" else f"Bearer {token()}"
    async with asking(shown, client="10.1.2.3", host="board.plant", **{header: value}) as client:
        answer = await client.post(ADDRESS, json={"incident": 1, "by": "somebody else"})
    assert answer.status_code == 202
    assert [(action["by"], action["via"]) for action in written(outbox)] == [("li", "link:robot|li")]


async def test_a_link_that_many_people_read_needs_to_be_told_who_it_is() -> None:
    shown, outbox = show()
    async with asking(shown, host="board.plant", **{"X-Alert-Token": token(recipient="robot")}) as client:
        assert (await client.post(ADDRESS, json={"incident": 1})).status_code == 422
        assert (await client.post(ADDRESS, json={"incident": 1, "by": "王芳"})).status_code == 202
    assert [(action["by"], action["via"]) for action in written(outbox)] == [("王芳", "link:robot")]


@pytest.mark.parametrize(
    ("made", "action", "status", "code"),
    [
        (token(incident=2), "acknowledge", 403, "forbidden"),
        (token(alert_id="wip_limit|B"), "acknowledge", 403, "forbidden"),
        (token(), "shelve", 403, "forbidden"),
        (token(), "unshelve", 403, "forbidden"),
        (token(now_us=T0 - 13 * 60 * MINUTE), "acknowledge", 401, "link-expired"),
        ("A" + token()[1:], "acknowledge", 401, "link-invalid"),
        (token()[:-1], "acknowledge", 401, "link-invalid"),
        (alert_links.new(b"x" * 32, "wip_limit|A", 1, "robot|li", T0), "acknowledge", 401, "link-invalid"),
        ("", "acknowledge", 401, "link-invalid"),
        ("%00\u00ff", "acknowledge", 401, "link-invalid"),
        ("A" * 100_000, "acknowledge", 401, "link-invalid"),
    ],
)
async def test_a_link_does_nothing_else(made: str, action: str, status: int, code: str) -> None:
    shown, outbox = show()
    headers = {"X-Alert-Token": made.encode("latin-1")}
    async with asking(shown) as client:
        answer = await client.post(f"/v1/alerts/wip_limit|A/{action}", json={**DONE, "reason": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["code"], outbox.sent) == (status, code, [])


async def test_a_link_means_nothing_where_there_is_no_key_for_links() -> None:
    shown = deps()
    give_alert(shown, alert())
    async with asking(shown, **{"X-Alert-Token": token()}) as client:
        assert (await client.post(ADDRESS, json=DONE)).json()["code"] == "link-invalid"


async def test_with_keys_a_key_is_needed_and_is_kept_with_what_it_did(tmp_path: Path) -> None:
    secret, entry = new_key("k1", "line 1", SetClock())
    (tmp_path / "keys").write_text(json.dumps({"keys": [entry]}), encoding="utf-8")
    (tmp_path / "keys").chmod(0o600)
    shown, outbox = show(keys=KeyFile(tmp_path / "keys"))
    async with asking(shown, host="board.plant") as client:
        assert (await client.post(ADDRESS, json=DONE)).status_code == 401
        bad = {"Authorization": f"Bearer {secret}x"}
        assert (await client.post(ADDRESS, json=DONE, headers=bad)).status_code == 401
        good = {"Authorization": f"Bearer {secret}"}
        assert (await client.post(ADDRESS, json=DONE, headers=good)).status_code == 202
    assert [(action["by"], action["via"]) for action in written(outbox)] == [("李明", "key:line 1")]


@pytest.mark.parametrize(
    ("client", "host", "headers"),
    [
        ("127.0.0.1", "board.plant", {}),
        ("10.0.0.7", "127.0.0.1:8080", {}),
        ("127.0.0.1", "127.0.0.1:8080", {"Origin": "http://evil.example"}),
    ],
)
async def test_without_keys_only_this_machine_acts(client: str, host: str, headers: dict[str, str]) -> None:
    shown, outbox = show()
    async with asking(shown, client, host, **headers) as asker:
        assert (await asker.post(ADDRESS, json=DONE)).status_code == 403
    assert outbox.sent == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
@pytest.mark.parametrize("address", [ADDRESS, "/v1/alert-link", f"/andon?t={token()}", "/v1/alerts/wip_limit|A"])
async def test_nothing_but_a_post_changes_anything(method: str, address: str) -> None:
    shown, outbox = show()
    before = shown.alerts.alerts.find("wip_limit|A")
    headers = {"X-Alert-Token": token(), "Purpose": "prefetch", "Sec-Purpose": "prefetch"}
    async with asking(shown) as client:
        await client.request(method, address, headers=headers)
    assert (outbox.sent, shown.alerts.alerts.find("wip_limit|A")) == ([], before)


async def test_a_link_can_be_asked_what_it_is_for_as_often_as_one_likes() -> None:
    shown, outbox = show()
    async with asking(shown, **{"X-Alert-Token": token()}) as client:
        for _ in range(2):
            answer = await client.get("/v1/alert-link")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["alert_id"], body["incident"], body["by"]) == ("wip_limit|A", 1, "li")
    assert body["expires_us"] == T0 + 12 * 60 * MINUTE
    assert outbox.sent == []


@pytest.mark.parametrize("made", [token(now_us=T0 - 13 * 60 * MINUTE), "forged"])
async def test_a_link_that_opens_nothing_says_so_in_both_languages(made: str) -> None:
    shown, _ = show()
    said = set()
    for tongue in ("en", "zh"):
        async with asking(shown, **{"X-Alert-Token": made, "Accept-Language": tongue}) as client:
            answer = await client.get("/v1/alert-link")
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
        said.add(answer.json()["detail"])
    assert len(said) == 2


async def test_tokens_are_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    shown, _ = show()
    caplog.set_level(logging.DEBUG)
    for made in (token(), token(incident=2), "f" + token()):
        async with asking(shown, **{"X-Alert-Token": made}) as client:
            await client.post(ADDRESS, json=DONE)
            await client.get("/v1/alert-link")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("services")]
    assert not [line for line in ours if token()[:20] in line]


async def test_one_right_may_not_be_used_too_often() -> None:
    shown, _ = show()
    async with asking(shown) as client:
        statuses = [(await client.post(ADDRESS, json=DONE)).status_code for _ in range(int(BURST) + 1)]
        assert statuses == [202] * int(BURST) + [429]
        link = await client.post(ADDRESS, json=DONE, headers={"X-Alert-Token": token()})
        assert link.status_code == 202
        assert isinstance(shown.clock, SetClock)
        shown.clock.now += SECOND
        assert (await client.post(ADDRESS, json=DONE)).status_code == 202


def test_what_is_remembered_of_rights_is_bounded() -> None:
    pace = Pace()
    for n in range(MOST_KNOWN + 9):
        pace.use(f"key:{n}", T0)
    assert len(pace._left) == MOST_KNOWN
