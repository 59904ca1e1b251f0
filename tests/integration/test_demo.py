"""The demonstration as a newcomer starts it: numbers that move, from a plant whose times are never in the future."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.embedded.process import free_port
from tests.integration.up_process import Running
from tests.parts import until


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running demonstration with a little history."""
    words = ("demo", "--backfill", "5m", "--port", str(free_port()))
    with Running(tmp_path_factory.mktemp("demo"), *words) as running:
        yield running


async def board(demo: Running) -> dict[str, Any]:
    """The numbers as the board gets them."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        answer = await client.get(f"{demo.address}/v1/operations")
    found: dict[str, Any] = answer.json()
    return found


async def test_numbers_move_and_are_never_ahead_of_the_clock(demo: Running) -> None:
    seen: list[int] = []

    async def moved() -> bool:
        shown = await board(demo)
        state = shown["plant"] and shown["plant"]["state"]
        if not state or state["newest_event_us"] is None:
            return False
        assert state["newest_event_us"] <= shown["now_us"]
        seen.append(state["newest_event_us"])
        return state["wip"] > 0 and seen[-1] > seen[0]

    await until(moved, "the board shows units, and newer events than at first")


async def test_machines_are_shown_and_count_the_wip_beside_the_scans(demo: Running) -> None:
    async def told() -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            units = (await client.get(f"{demo.address}/v1/work-units")).json()["work_units"]
        operations = (await board(demo))["operations"]
        counted = [each["state"]["counted"] for each in operations if each["state"]["counted"]]
        return all(unit["state"] for unit in units) and len(counted) == 2 and all(c["came_in"] > 0 for c in counted)

    await until(told, "every machine has a state, and both placers are counted")


async def test_the_history_gets_to_its_end(demo: Running) -> None:
    async def told() -> bool:
        done = [line.split(":")[1].split("/") for line in demo.lines if "history 历史数据" in line]
        return any(sent.strip() == total.strip() for sent, total in done)

    await until(told, "the progress of the history reaches its total")


def test_every_number_is_right(demo: Running) -> None:
    done = demo.floorstream("verify")
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_says_where_to_look_in_both_languages(demo: Running) -> None:
    text = "\n".join(demo.lines)
    assert f"Look at {demo.address}" in text
    assert f"请用浏览器打开 {demo.address}" in text
    assert demo.lines.count(f"ready {demo.address}") == 1
