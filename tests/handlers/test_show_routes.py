"""The read API and the board's files over HTTP, without a broker and without a database."""

import json
import re
from pathlib import Path

import httpx
import pytest

from services.show.app import ShowDeps, create_app
from services.show.pages import ANDON, BOARD, INTEGRATE, pages
from services.show.routes import _opened, _sealed
from tests.show_floor import T0, MemoryFeed, SetClock, deps, give, model, operation, plant

MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
SHOW = Path(__file__).parents[2] / "services" / "show"
FOLDERS = (BOARD, ANDON, INTEGRATE)
SCRIPTS = [script for folder in FOLDERS for script in (SHOW / folder).glob("*.js")]


def asking(shown: ShowDeps, **headers: str) -> httpx.AsyncClient:
    """A client of the application itself, without a network."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(shown)), base_url="http://show", headers=headers)


async def test_operations_hold_every_operation_and_the_plant() -> None:
    shown = deps(clock=SetClock(T0 + 2_000_000))
    shown.board.take_model(model({"B": {"wip_limit": 3}, "A": {}}))
    give(shown.board, operation("A", queued=2))
    give(shown.board, plant(wip=2))
    async with asking(shown) as client:
        answer = await client.get("/v1/operations")
    body = answer.json()
    assert [(e["operation_id"], e["state"]["wip"]) for e in body["operations"]] == [("B", 0), ("A", 2)]
    assert body["operations"][1]["age_s"] == 2.0
    assert body["plant"]["state"]["units"]["in_transit"] == 1
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("address", ["/v1/units/U1", "/v1/visits", "/v1/rejects"])
async def test_without_a_database_rows_are_a_problem_in_the_clients_language(address: str) -> None:
    async with asking(deps(), **{"Accept-Language": "zh"}) as client:
        answer = await client.get(address)
    assert (answer.status_code, answer.json()["code"]) == (503, "no-database")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "数据库不可用"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/v1/visits?after=%21", 400),
        ("/v1/visits?after=WzEsMl0", 400),
        ("/v1/visits?limit=0", 422),
        ("/v1/visits?limit=1001", 422),
        ("/v1/visits?open=perhaps", 422),
        ("/v1/visits?unit=a%00b", 400),
        ("/v1/visits?operation=%20", 400),
        ("/v1/units/a%01b", 400),
        ("/v1/rejects?reason=bored", 400),
        ("/v1/nothing", 404),
        ("/board/..%2Fapp.py", 404),
        ("/board/nothing.js", 404),
    ],
)
async def test_what_cannot_be_asked_is_said(address: str, status: int) -> None:
    async with asking(deps()) as client:
        answer = await client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("cursor", [("open", T0, "U 1", 3), ("closed", T0, "单元", 0), ("all", None, "U", 1)])
def test_a_cursor_comes_back_as_it_went(cursor: tuple[str, int | None, str, int]) -> None:
    sealed = _sealed(cursor)
    assert sealed is not None
    assert _opened(sealed) == cursor


async def test_it_is_ready_once_states_and_plant_model_are_there() -> None:
    shown = deps()
    async with asking(shown) as client:
        before = await client.get("/readyz")
        shown.board.take_model(model({"A": {}}))
        after = await client.get("/readyz")
    assert (before.status_code, after.status_code) == (503, 200)
    assert before.json()["missing"] == ["plant model: there is none; PUT /v1/plant"]


async def test_it_is_not_ready_while_states_are_still_being_read() -> None:
    shown = deps()
    assert isinstance(shown.feed, MemoryFeed)
    shown.feed.caught_up = False
    shown.board.take_model(model({"A": {}}))
    async with asking(shown) as client:
        answer = await client.get("/readyz")
    assert answer.json()["missing"] == ["operation states and alerts: not read to their end yet"]


async def test_health_and_metrics_are_there() -> None:
    async with asking(deps()) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/metrics")).headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("address", ["/", "/andon", "/andon?t=x", "/integrate"])
async def test_a_page_comes_with_its_files_and_a_policy(address: str) -> None:
    async with asking(deps()) as client:
        index = await client.get(address)
        for named in re.findall(r'(?:href|src)="(/(?:board|andon|integrate)/[^"]+)"', index.text):
            assert (await client.get(named)).status_code == 200, named
    assert "script-src 'self'" in index.headers["content-security-policy"]
    assert index.headers["x-content-type-options"] == "nosniff"
    assert index.headers["referrer-policy"] == "no-referrer"


async def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    async with asking(deps()) as client:
        first = await client.get("/board/main.js")
        second = await client.get("/board/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, second.status_code, second.content) == (200, 304, b"")


def imported(folder: str) -> set[str]:
    """Everything that the scripts of a folder import."""
    scripts = (SHOW / folder).glob("*.js")
    return {name for script in scripts for name in re.findall(r'from "([^"]+)"', script.read_text(encoding="utf-8"))}


def test_scripts_import_what_is_there_and_the_board_only_its_own() -> None:
    known = {folder: {f"/{folder}/{name}" for name in pages(folder)} for folder in FOLDERS}
    assert imported(BOARD) <= known[BOARD]
    assert imported(ANDON) <= known[BOARD] | known[ANDON]
    assert imported(INTEGRATE) <= known[BOARD] | known[INTEGRATE]


def test_a_phone_is_told_at_once_of_every_script_it_will_need() -> None:
    index = (SHOW / ANDON / "index.html").read_text(encoding="utf-8")
    assert imported(ANDON) <= set(re.findall(r'rel="modulepreload" href="([^"]+)"', index))


def test_nothing_is_loaded_from_elsewhere() -> None:
    for folder in FOLDERS:
        for file in (SHOW / folder).iterdir():
            addresses = re.findall(r"https?://[^\s\"']+", file.read_text(encoding="utf-8"))
            assert [address for address in addresses if address != "http://www.w3.org/2000/svg"] == []


def test_data_never_becomes_markup() -> None:
    for script in SCRIPTS:
        assert not re.search(MARKUP, script.read_text(encoding="utf-8")), script


def test_phones_come_over_plain_http() -> None:
    only_secure = r"(?<!UUID\.)randomUUID|crypto\.subtle|serviceWorker|navigator\.(?:clipboard|locks)|Notification\b"
    for script in [*(SHOW / ANDON).glob("*.js"), *(SHOW / INTEGRATE).glob("*.js")]:
        assert not re.search(rf"(?<!// ){only_secure}\(", script.read_text(encoding="utf-8")), script


def test_every_word_the_pages_say_is_there_in_both_languages() -> None:
    words = json.loads(pages(BOARD)["words.json"].content)
    assert words["en"].keys() == words["zh"].keys()
    said = set(re.findall(r'word\("([\w.]+)"', "".join(f.read_text(encoding="utf-8") for f in SCRIPTS)))
    for folder in FOLDERS:
        said |= set(re.findall(r'data-word="(\w+)"', (SHOW / folder / "index.html").read_text(encoding="utf-8")))
    assert said <= words["en"].keys()


def phrases() -> list[dict[str, str]]:
    """The pages' own phrases."""
    files = [SHOW / folder / "words.json" for folder in FOLDERS]
    return [phrase for file in files for phrase in json.loads(file.read_text(encoding="utf-8")).values()]


def test_both_languages_of_a_phrase_have_the_same_places() -> None:
    for phrase in phrases():
        assert set(re.findall(r"{\w+}", phrase["en"])) == set(re.findall(r"{\w+}", phrase["zh"]))
