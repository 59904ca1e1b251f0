"""Machines on the board in a real Chromium: the strip of a work center, the shares behind it, counted WIP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.browser.chromium import Page, browser, executable
from tests.browser.test_board import CONTRAST, SEES_ALL, Served, opened, serving, text, tile

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None, reason="no Chromium (Debian: apt-get install chromium)"),
]
STRIP = "[...document.querySelectorAll('.machines li:not([hidden])')].map((one) => one.textContent).join('|')"


@pytest.fixture
async def board() -> AsyncIterator[Served]:
    """A served board."""
    async with serving() as served:
        yield served


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    """A page that must not complain."""
    async with browser(tmp_path / "profile") as opened_page:
        yield opened_page
        assert opened_page.complaints == []


async def test_the_strip_says_what_each_machine_is_doing(page: Page, board: Served) -> None:
    await page.size(1366, 900)
    await opened(page, board, "?wall=0&lang=en")
    assert "✕Placerdown" in await page.ask(STRIP)
    state = {**board.floor.machine("L1-PLACER"), "condition": "running", "state": "execute", "offset": 10_000}
    board.deps.board.take_work_unit(state)
    board.deps.live.changed()
    await page.until(f"{STRIP}.includes('▶Placerrunning')")
    await page.go(f"{board.url}/?wall=0&lang=zh")
    await page.until(f"{STRIP}.includes('贴片机运行')")


async def test_the_shares_of_the_shift_are_behind_a_machine(page: Page, board: Served) -> None:
    await page.size(360, 800)
    await opened(page, board, "?wall=0&lang=zh")
    await page.until("document.querySelector('[data-condition=down] .machine') !== null")
    await page.ask("document.querySelector('[data-condition=down] .machine').click()")
    await page.until("document.querySelector('.share') !== null")
    said = await text(page, ".detail")
    assert "断料 10 %" in said
    assert "已计合格件 1,840" in said
    assert await page.ask("document.querySelector('.detail').scrollWidth <= innerWidth")


async def test_counted_wip_stands_beside_the_scans(page: Page, board: Served) -> None:
    await page.size(1366, 900)
    await opened(page, board, "?wall=0&lang=en")
    await page.ask(f"document.querySelector({tile('L1.OP20', '.name')!r}).click()")
    await page.until("document.querySelector('.counted') !== null")
    assert "Counted WIP 39 (2,218 in, 2,179 out); against the scans -2" in await text(page, ".counted")
    await page.until("document.querySelector('.rows').textContent.includes('FLOORSTREAM_DATABASE_URL')")
    page.complaints.clear()  # the browser reports the 503 of a board without a database


@pytest.mark.parametrize("size", [(1920, 1080), (3840, 2160)])
async def test_the_wall_shows_all_with_machines(page: Page, board: Served, size: tuple[int, int]) -> None:
    await page.size(*size)
    await opened(page, board, "?wall=1&lang=en")
    await page.until("document.querySelectorAll('.machines li:not([hidden])').length === 7")
    assert await page.ask(SEES_ALL)
    assert await page.ask(CONTRAST) >= 4.5


async def test_a_phone_needs_no_sideways_scrolling(page: Page, board: Served) -> None:
    await page.size(360, 800)
    await opened(page, board, "?wall=0&lang=zh")
    await page.until("document.querySelectorAll('.machines li:not([hidden])').length === 7")
    assert await page.ask("document.documentElement.scrollWidth <= innerWidth")
