"""The board in a real Chromium over a floor that lives, in both languages, on a wall and on a phone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn

from services.core.identity import partition_of
from services.show.app import ShowDeps, create_app
from tests.browser.chromium import Page, browser, executable
from tests.browser.floor import HOSTILE, MACHINES, LivingFloor
from tests.show_floor import PARTITIONS, SECOND, SetClock, deps, give, model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None, reason="no Chromium (Debian: apt-get install chromium)"),
]
TILES = "document.querySelectorAll('.tile').length"
SEES_ALL = """(() => {
  const inside = (box) => box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight;
  return [...document.querySelectorAll('.tile, .tile *, .number')]
    .every((element) => !element.offsetParent || inside(element.getBoundingClientRect()));
})()"""
CONTRAST = """(() => {
  const light = (rgb) => rgb.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/^rgba.*, 0\\)$|transparent/.test(colour)) return colour;
    }
  };
  return Math.min(...[...document.querySelectorAll('body *')]
    .filter((element) => element.offsetParent && [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .map((element) => {
      const [low, high] = [light(getComputedStyle(element).color), light(ground(element))].sort((a, b) => a - b);
      return (high + 0.05) / (low + 0.05);
    }));
})()"""
"""The smallest contrast of any text (WCAG 2.2, relative luminance)."""


@dataclass
class Served:
    """A board that is served: its address, what stands behind it, and how to end the server."""

    url: str
    deps: ShowDeps
    floor: LivingFloor
    clock: SetClock
    server: uvicorn.Server
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def say(self, operation_id: str) -> None:
        """The state of one operation, as it is now."""
        self.floor.moves += 1
        give(self.deps.board, self.floor.state(operation_id), partition_of(operation_id, PARTITIONS))
        self.deps.live.changed()

    def say_all(self) -> None:
        """Everything, as it is now."""
        for operation_id, _ in self.floor.operations():
            self.say(operation_id)
        for name in MACHINES:
            self.deps.board.take_work_unit(self.floor.machine(name))
        give(self.deps.board, self.floor.plant(), 0)


@contextlib.asynccontextmanager
async def serving(port: int = 0) -> AsyncIterator[Served]:
    """A board on a free port; its clock stands until a test moves it."""
    clock = SetClock()
    floor = LivingFloor(clock=clock)
    shown = deps(clock=clock, heartbeat_s=0.3, pace_s=0.05)
    shown.board.take_model(model({}, 1).from_document(floor.document(), 1))
    server = uvicorn.Server(uvicorn.Config(create_app(shown), port=port, log_level="warning", lifespan="off"))
    tasks = [asyncio.create_task(server.serve()), asyncio.create_task(shown.live.run())]
    while not server.started:  # noqa: ASYNC110 — it has no event
        await asyncio.sleep(0.02)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    served = Served(url, shown, floor, clock, server)
    served.say_all()
    try:
        yield served
    finally:
        shown.close_live()
        server.should_exit = True
        await tasks[0]
        tasks[1].cancel()


@pytest.fixture
async def board() -> AsyncIterator[Served]:
    """A served board."""
    async with serving() as served:
        yield served


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    """A page that must not complain."""
    async with browser(tmp_path / "profile") as opened:
        yield opened
        assert opened.complaints == []


async def opened(page: Page, board: Served, query: str = "") -> None:
    """The board with all its tiles."""
    await page.go(f"{board.url}/{query}")
    await page.until(f"{TILES} === {len(board.floor.operations())}")


async def text(page: Page, selector: str) -> str:
    """What an element says."""
    return str(await page.ask(f"document.querySelector({selector!r}).textContent"))


def tile(operation_id: str, inside: str = "") -> str:
    """The selector of something in a tile."""
    return f'[aria-labelledby="tile-{partition_of(operation_id, PARTITIONS)}-{operation_id}"] {inside}'.strip()


async def test_a_tile_shows_what_changes_without_moving(page: Page, board: Served) -> None:
    await page.size(1366, 900)
    await opened(page, board, "?wall=0&lang=en")
    assert await text(page, tile("L1.OP10", ".wip")) == "22"
    boxes = "JSON.stringify([...document.querySelectorAll('.tile')].map((tile) => tile.getBoundingClientRect()))"
    before = await page.ask(boxes)
    board.floor.phases["L1.OP10"] = {"queued": 41, "running": 2, "finished": 0, "held": 0}
    board.say("L1.OP10")
    await page.until(f"document.querySelector({tile('L1.OP10', '.wip')!r}).textContent === '43'")
    assert await text(page, tile("L1.OP10", ".badge")) == "▲ Over limit +3"
    assert await page.ask(boxes) == before


@pytest.mark.parametrize(("least", "says"), [(False, "▲ 12 over dwell limit"), (True, "▲ ≥ 12 over dwell limit")])
async def test_a_tile_says_how_many_stay_too_long(page: Page, board: Served, least: bool, says: str) -> None:
    await opened(page, board, "?wall=0&lang=en")
    late = {**board.floor.state("L1.OP10"), "over_dwell_limit": 12, "over_dwell_limit_is_least": least}
    give(board.deps.board, late, partition_of("L1.OP10", PARTITIONS))
    board.deps.live.changed()
    await page.until(f"document.querySelector({tile('L1.OP10', '.badge')!r}).textContent === {says!r}")
    assert await page.ask(CONTRAST) >= 4.5


@pytest.mark.parametrize(
    ("language", "word"), [("zh-CN", "全厂在制品"), ("en-GB", "Plant WIP"), ("de-DE", "Plant WIP")]
)
async def test_it_speaks_the_language_of_the_browser(page: Page, board: Served, language: str, word: str) -> None:
    await page.speak(language)
    await opened(page, board)
    assert await text(page, ".plant_wip dt") == word


async def test_the_language_that_was_chosen_is_kept(page: Page, board: Served) -> None:
    await page.speak("en-GB")
    await opened(page, board)
    await page.ask("document.getElementById('to-language').click()")
    assert await text(page, ".plant_wip dt") == "全厂在制品"
    await page.go("about:blank")
    await opened(page, board)
    assert await text(page, ".plant_wip dt") == "全厂在制品"
    assert await page.ask("document.documentElement.lang") == "zh-CN"


async def test_the_address_can_name_the_language(page: Page, board: Served) -> None:
    await page.speak("en-GB")
    await opened(page, board, "?lang=zh")
    assert await text(page, tile("L1.OP20", ".badge")) == "▲ 超上限 +5"
    assert await text(page, tile("L2.OP10", ".badge")) == "▼ 低于下限 6"


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_on_a_wall_everything_is_seen_at_once_and_large(page: Page, board: Served, language: str) -> None:
    await page.size(1920, 1080)
    await opened(page, board, f"?lang={language}")
    await page.until("document.documentElement.hasAttribute('data-wall')")
    assert await page.ask(SEES_ALL)
    sizes = "Math.min(...[...document.querySelectorAll({})].map((e) => parseFloat(getComputedStyle(e).fontSize)))"
    assert await page.ask(sizes.format("'.wip'")) >= 40
    assert await page.ask(sizes.format("'.tile h3'")) >= 22


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_on_a_phone_nothing_is_wider_than_the_screen(page: Page, board: Served, language: str) -> None:
    await page.size(360, 780, phone=True)
    await opened(page, board, f"?lang={language}")
    assert await page.ask("document.documentElement.scrollWidth") == 360
    assert await page.ask(
        "[...document.querySelectorAll('.tile *')].every((e) => e.getBoundingClientRect().right <= 360)"
    )


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_every_text_can_be_read(page: Page, board: Served, theme: str) -> None:
    await opened(page, board, f"?wall=0&theme={theme}")
    assert await page.ask(CONTRAST) >= 4.5
    board.clock.now += 120 * SECOND
    await page.until("document.querySelectorAll('.tile[data-stale]').length > 0")
    assert await page.ask(CONTRAST) >= 4.5


async def test_an_id_is_text_whatever_it_looks_like(page: Page, board: Served) -> None:
    await opened(page, board, "?wall=0")
    assert await page.ask(f"document.querySelector({tile('L1.OP20', '.unit')!r}).title") == HOSTILE
    assert await page.ask("document.querySelectorAll('.floor img').length") == 0
    await page.ask(f"document.querySelector({tile('L1.OP20', '.unit')!r}).click()")
    await page.until("document.querySelector('.rows p') && document.querySelector('#detail-title')")
    assert await text(page, "#detail-title") == HOSTILE
    assert await page.ask("document.title !== 'hacked'")
    await page.until("document.querySelector('.rows').textContent.includes('FLOORSTREAM_DATABASE_URL')")
    page.complaints.clear()  # the browser reports the 503 of a board without a database


async def test_ages_go_on_by_themselves(page: Page, board: Served) -> None:
    await opened(page, board, "?wall=0&lang=en")
    age = f"document.querySelector({tile('L1.OP20', '.lasts')!r}).textContent"
    first = await page.ask(age)
    assert first.startswith("52:")
    await page.until(f"{age} !== {first!r}")
    assert await text(page, tile("L1.OP20", ".until")) == "▲ +32 min"


async def test_a_number_whose_source_is_quiet_turns_grey_and_says_since_when(page: Page, board: Served) -> None:
    await opened(page, board, "?wall=0&lang=en")
    assert await page.ask("document.querySelectorAll('.tile[data-stale]').length") == 0
    board.clock.now += 40 * SECOND
    await page.until(f"document.querySelectorAll('.tile[data-stale]').length === {len(board.floor.operations())}")
    assert (await text(page, tile("L1.OP10", ".badge"))).startswith("Stale since ")
    assert await page.ask("document.getElementById('banner').hidden") is False
    board.say_all()
    await page.until("document.querySelectorAll('.tile[data-stale]').length === 0")


async def test_a_lost_connection_is_said_and_comes_back_by_itself(page: Page, tmp_path: Path) -> None:
    async with serving() as first:
        await opened(page, first, "?wall=0&lang=en")
        port = int(first.url.rsplit(":", 1)[1])
    await page.until("document.getElementById('banner').textContent.startsWith('Connection lost since ')")
    assert await text(page, "#link-word") == "Offline"
    async with serving(port):
        await page.until("document.getElementById('banner').hidden")
        assert await text(page, "#link-word") == "Live"
    page.complaints.clear()  # the browser reports every connection that was refused


async def test_everything_can_be_reached_with_the_keyboard(page: Page, board: Served) -> None:
    await opened(page, board, "?wall=0")
    named = "(e) => (e.getAttribute('aria-label') || e.textContent).trim() || e.disabled"
    assert await page.ask(f"[...document.querySelectorAll('button, [role=img]')].every({named})")
    await page.ask("document.querySelector('.name').focus()")
    for kind in ("keyDown", "keyUp"):
        await page.call(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
        )
    await page.until("document.getElementById('detail').open")
    page.complaints.clear()  # the browser reports the 503 of a board without a database
