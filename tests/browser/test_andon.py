"""The page of alerts in a real Chromium as a phone has it: 360 × 740, plain http, a name that is no secure context."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from services.adapters import alert_links
from services.adapters.api_keys import KeyFile, new_key
from services.core.equipment import PlantModel
from services.show.app import ShowDeps, create_app
from tests.alerts import acknowledged, alert, give_alert, give_sign
from tests.browser.andon_floor import LINK_KEY, StandIn, alerts, with_teams
from tests.browser.chromium import Page, browser, executable
from tests.browser.floor import HOSTILE, LivingFloor
from tests.browser.test_board import CONTRAST
from tests.parts import until
from tests.show_floor import MINUTE, SECOND, MemoryOutbox, SetClock, deps, give, plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None, reason="no Chromium (Debian: apt-get install chromium)"),
]
HOST = "board.plant"
CARDS = "document.querySelectorAll('.card').length"
TARGETS = """[...document.querySelectorAll('button, select, input, .bottom a')]
  .filter((e) => e.offsetParent).map((e) => e.getBoundingClientRect().height)"""
FIRST = "wip_limit|L1.OP20"


@dataclass
class Served:
    """A page that is served, and what stands behind it."""

    url: str
    server: uvicorn.Server
    shown: ShowDeps
    outbox: MemoryOutbox
    stage: StandIn
    clock: SetClock
    key: str

    def link(self, incident: int = 1, recipient: str = "robot|li", ago_us: int = 0) -> str:
        """The address of a link to the alert FIRST."""
        token = alert_links.new(LINK_KEY, FIRST, incident, recipient, self.clock.now - ago_us)
        return f"{self.url}/andon?t={token}"

    def alive(self) -> None:
        """The floor is known up to now."""
        give(self.shown.board, plant(self.clock.now))
        give_sign(self.shown, self.clock.now)


@contextlib.asynccontextmanager
async def serving(shown: ShowDeps) -> AsyncIterator[uvicorn.Server]:
    """The pages of show on a port."""
    server = uvicorn.Server(uvicorn.Config(create_app(shown), port=0, log_level="warning", lifespan="off"))
    tasks = [asyncio.create_task(work) for work in (server.serve(), shown.live.run(), shown.alerts.live.run())]
    while not server.started:  # noqa: ASYNC110 — it has no event
        await asyncio.sleep(0.02)
    try:
        yield server
    finally:
        shown.close_live()
        server.should_exit = True
        await tasks[0]
        for task in tasks[1:]:
            task.cancel()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """The page over the stand-in for the stage `alert`; its clock stands until a test moves it."""
    clock, outbox, floor = SetClock(), MemoryOutbox(), LivingFloor()
    key, entry = new_key("k1", "line 1", clock)
    (tmp_path / "keys").write_text(json.dumps({"keys": [entry]}), encoding="utf-8")
    (tmp_path / "keys").chmod(0o600)
    keys = KeyFile(tmp_path / "keys")
    shown = deps(clock=clock, outbox=outbox, keys=keys, link_key=LINK_KEY, heartbeat_s=0.3, pace_s=0.05, wait_s=0.2)
    model = PlantModel.from_document(with_teams(floor), 1)
    shown.board.take_model(model)
    shown.alerts.alerts.take_model(model)
    give(shown.board, plant(clock.now))
    give_sign(shown, clock.now)
    for written in alerts(clock.now):
        give_alert(shown, written)
    async with serving(shown) as server:
        port = server.servers[0].sockets[0].getsockname()[1]
        found = Served(f"http://{HOST}:{port}", server, shown, outbox, StandIn(shown, outbox), clock, key)
        yield found


@pytest.fixture
async def page(tmp_path: Path, served: Served) -> AsyncIterator[Page]:
    """A phone that must not complain; it is put away before the server ends."""
    async with browser(tmp_path / "profile", f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as opened:
        await opened.size(360, 740, phone=True)
        await opened.call("Emulation.setTouchEmulationEnabled", enabled=True)
        await opened.speak("en-GB")
        yield opened
        assert opened.complaints == []


def inside(alert_id: str, selector: str) -> str:
    """An element of a card."""
    return f"document.getElementById('alert-{alert_id}').querySelector('{selector}')"


async def opened(page: Page, served: Served, query: str = "") -> None:
    """The list with all its cards."""
    await page.go(f"{served.url}/andon{query}")
    await page.until(f"{CARDS} === 7")


async def named(page: Page, served: Served) -> None:
    """Somebody has said on this phone before who they are."""
    for name, value in (("name", "李明"), ("key", served.key)):
        await page.ask(f"localStorage.setItem('floorstream.{name}', {value!r})")


async def acts(served: Served, number: int) -> list[dict[str, Any]]:
    """Wait for so many requests to have been written; what they were."""

    async def sent() -> bool:
        return len(served.outbox.sent) >= number

    await until(sent, f"{number} actions")
    served.stage.apply()
    return served.stage.applied


@pytest.mark.parametrize(("language", "first"), [("en", "units that do not move"), ("zh", "单元滞留")])
async def test_the_most_urgent_comes_first_and_fits_a_small_phone(
    page: Page, served: Served, language: str, first: str
) -> None:
    await opened(page, served, f"?lang={language}")
    assert await page.ask("isSecureContext") is False
    assert await page.ask("document.querySelector('.card .kind').textContent") == first
    assert await page.ask("document.documentElement.scrollWidth") == 360
    assert await page.ask(
        "[...document.querySelectorAll('.card *')].every((e) => e.getBoundingClientRect().right <= 360)"
    )
    assert min(await page.ask(TARGETS)) >= 48
    assert await page.ask(f"{inside('dwell_limit|FCT.OP90', '.unit-id')}.textContent") == HOSTILE


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_text_can_be_read(page: Page, served: Served, theme: str) -> None:
    await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    await opened(page, served)
    assert await page.ask("document.documentElement.dataset.theme") == theme
    assert await page.ask(CONTRAST) >= 4.5
    served.clock.now += 60 * SECOND
    await page.until("document.querySelector('.card[data-stale]')")
    assert await page.ask(CONTRAST) >= 4.5


async def test_with_a_link_one_tap_takes_the_alert(page: Page, served: Served) -> None:
    await page.go(served.link())
    await page.until(f"{CARDS} === 1")
    await page.tap(inside(FIRST, ".take"))
    [action] = await acts(served, 1)
    assert (action["action"], action["by"], action["via"]) == ("acknowledge", "li", "link:robot|li")
    await page.until(f"{inside(FIRST, '.state.taken')}?.textContent.includes('李明')")
    assert await page.ask(f"{inside(FIRST, '.take')}.hidden")


async def test_a_tap_can_be_taken_back(page: Page, served: Served) -> None:
    await page.go(served.link())
    await page.until(f"{CARDS} === 1")
    # In one turn of the page, so that no wait of ours can be longer than the moment there is to think again.
    phases = await page.ask(
        f"((b) => [1, 2].map(() => (b.click(), b.dataset.phase ?? 'idle')))({inside(FIRST, '.take')})"
    )
    assert phases == ["undo", "idle"]
    # Another tap is what is sent in the end, and the only thing.
    await page.tap(inside(FIRST, ".take"))
    assert len(await acts(served, 1)) == 1


async def test_without_a_network_it_is_sent_when_the_network_is_back_and_once(page: Page, served: Served) -> None:
    await page.go(served.link())
    await page.until(f"{CARDS} === 1")
    await page.offline(True)
    await page.tap(inside(FIRST, ".take"))
    await page.until(f"{inside(FIRST, '.take-says')}.textContent.startsWith('Not sent yet')")
    assert served.outbox.sent == []
    await page.offline(False)
    await acts(served, 1)
    await page.until(f"{inside(FIRST, '.state.taken')}")
    assert len({action["action_id"] for action in served.stage.applied}) == len(served.outbox.sent) == 1
    page.complaints.clear()  # the browser reports what could not be sent


async def test_a_phone_that_asks_again_and_again_makes_one_action(page: Page, served: Served) -> None:
    await page.go(served.link())
    await page.until(f"{CARDS} === 1")
    await page.tap(inside(FIRST, ".take"))
    asked = served.shown.metrics.alert_requests.labels("acknowledge", "link")

    async def three_times() -> bool:
        return sum(sample.value for metric in asked.collect() for sample in metric.samples[:1]) >= 3

    await until(three_times, "the phone asks while nothing comes of it")
    assert await page.ask(f"{inside(FIRST, '.take')}.dataset.phase") in ("on_its_way", "sending")
    assert len(served.outbox.sent) == 1
    served.stage.apply()
    await page.until(f"{inside(FIRST, '.state.taken')}")


async def test_a_phone_that_is_put_away_sends_at_once(page: Page, served: Served) -> None:
    await page.go(served.link())
    await page.until(f"{CARDS} === 1")
    await page.ask(f"({inside(FIRST, '.take')}.click(), location.assign('about:blank'))")
    assert len(await acts(served, 1)) == 1


@pytest.mark.parametrize(("language", "says"), [("en", "This link has expired."), ("zh", "此链接已过期")])
async def test_an_expired_link_says_so_and_what_to_do(page: Page, served: Served, language: str, says: str) -> None:
    await page.go(served.link(ago_us=13 * 60 * MINUTE) + f"&lang={language}")
    await page.until(f"document.querySelector('.empty')?.textContent.startsWith({says!r})")
    assert await page.ask("document.getElementById('to-all').offsetParent !== null")
    page.complaints.clear()  # the browser reports the 401


async def test_a_link_of_an_incident_that_is_over_shows_no_other(page: Page, served: Served) -> None:
    give_alert(served.shown, alert("L1.OP20", incident=2, version=9))
    await page.go(served.link(incident=1))
    await page.until("document.querySelector('.empty')?.textContent.startsWith('What this link was for is over')")
    assert await page.ask(CARDS) == 0


async def test_without_a_key_it_says_what_is_needed_and_goes_on_with_one(page: Page, served: Served) -> None:
    await opened(page, served)
    await page.tap(inside(FIRST, ".take"))
    await page.until("document.getElementById('who').open")
    await page.ask("document.getElementById('who-name').value = '王芳'")
    await page.tap("document.querySelector('#who .main')")
    await page.until("document.getElementById('who-key')")
    assert served.outbox.sent == []
    assert await page.ask("document.querySelector('#who .why').textContent.length > 10")
    await page.ask(f"document.getElementById('who-key').value = {served.key!r}")
    await page.tap("document.querySelector('#who .main')")
    [action] = await acts(served, 1)
    assert (action["by"], action["via"]) == ("王芳", "key:line 1")
    page.complaints.clear()  # the browser reports the 401


async def test_shelving_needs_a_reason_and_says_until_when(page: Page, served: Served) -> None:
    await opened(page, served)
    await named(page, served)
    await page.tap(inside(FIRST, ".shelve"))
    await page.tap(inside(FIRST, ".drawer .big"))
    assert await page.ask("document.activeElement.tagName") == "INPUT"
    await page.tap(inside(FIRST, ".drawer .small"))
    await page.tap(inside(FIRST, ".drawer .big"))
    [action] = await acts(served, 1)
    assert (action["action"], action["reason"], action["by"]) == ("shelve", "being worked on", "李明")
    assert abs(action["until_us"] - served.clock.now - 30 * MINUTE) < 20 * SECOND
    await page.until(f"{inside(FIRST, '.state.shelved')}")


async def test_only_my_team_is_remembered_and_what_is_nobodys_is_everybodys(page: Page, served: Served) -> None:
    await opened(page, served)
    await page.ask("((s) => (s.value = 'smt', s.dispatchEvent(new Event('change'))))(document.getElementById('team'))")
    await page.until(f"{CARDS} === 3")
    await page.go("about:blank")
    await page.go(f"{served.url}/andon")
    await page.until(f"{CARDS} === 3")
    give_alert(served.shown, alert("NOWHERE"))
    await page.until(f"{CARDS} === 4")


async def test_what_others_do_is_seen_without_a_card_moving(page: Page, served: Served) -> None:
    await opened(page, served)
    order = "[...document.querySelectorAll('.card')].map((card) => card.id).join()"
    button = inside(FIRST, ".take")
    await page.ask(f"globalThis.kept = {button}")
    give_alert(served.shown, alert("L1.OP20", version=2, change="updated", value=44, raised_us=served.clock.now))
    before = await page.ask(order)
    await page.until(f"{inside(FIRST, '.much')}.textContent.startsWith('44 ')")
    assert await page.ask(f"{button} === globalThis.kept")
    assert await page.ask(order) == before
    give_alert(served.shown, acknowledged("王芳", subject="L1.OP20", version=3))
    await page.until(f"{inside(FIRST, '.state.taken')}?.textContent.includes('王芳')")


async def test_quiet_data_looks_like_what_it_is(page: Page, served: Served) -> None:
    await opened(page, served)
    assert await page.ask("document.getElementById('banner').textContent") == ""
    served.clock.now += 60 * SECOND
    await page.until("document.getElementById('banner').textContent.startsWith('No news since')")
    assert await page.ask("document.querySelectorAll('.card[data-stale]').length") == 7
    served.alive()
    await page.until("document.getElementById('banner').hidden")


async def test_alerts_that_nobody_judges_any_more_look_like_it_on_phone_and_board(page: Page, served: Served) -> None:
    await opened(page, served)
    served.clock.now += 60 * SECOND
    give(served.shown.board, plant(served.clock.now))  # the floor is alive, its alerts are not
    await page.until("document.getElementById('banner').textContent.startsWith('No news since')")
    await page.go(f"{served.url}/?wall=0&lang=en")
    await page.until("document.querySelector('.strip-stale')?.textContent.startsWith('Stale since')")
    assert await page.ask("document.querySelector('.strip').hasAttribute('data-stale')")


async def test_a_lost_server_is_said_and_what_is_shown_looks_old(page: Page, served: Served) -> None:
    await opened(page, served)
    await page.until("document.getElementById('link').dataset.link === 'live'")
    served.server.should_exit = True
    served.shown.close_live()
    await page.until("document.getElementById('banner').textContent.startsWith('Offline since')")
    await page.until("document.querySelectorAll('.card[data-stale]').length === 7")
    page.complaints.clear()  # the browser reports what was refused


async def test_nothing_open_is_said_with_the_time_it_holds_for(page: Page, served: Served) -> None:
    for written in alerts(served.clock.now):
        give_alert(served.shown, {**written, "state": "normal", "version": 9})
    await page.go(f"{served.url}/andon")
    await page.until("document.querySelector('.empty')?.textContent.startsWith('No open alerts · as of')")


async def test_it_follows_its_address_to_one_card(page: Page, served: Served) -> None:
    await page.go(f"{served.url}/andon#alert-wip_limit%7CL1.OP30")
    await page.until("scrollY > 400")
    top = await page.ask("document.getElementById('alert-wip_limit|L1.OP30').getBoundingClientRect().top")
    assert 0 <= top <= 740
