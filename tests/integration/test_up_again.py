"""`up` on a data directory that was used: what was accepted is there again, however the last run ended."""

import json
from pathlib import Path

import httpx
import pytest

from services.embedded.process import free_port
from tests.faults.scans import PLANT, events
from tests.integration.up_process import Running

pytestmark = pytest.mark.slow

UNITS = 40
ENDS = ("asked to stop", "killed")


def end(up: Running, how: str) -> None:
    """The end of a run."""
    if how == "asked to stop":
        up.interrupt()
        return
    drained = up.floorstream("drain", "--timeout", "60s")  # what is not in the database yet dies with the broker
    assert drained.returncode == 0, drained.stderr
    up.kill()


@pytest.mark.parametrize("how", ENDS)
def test_three_runs_on_one_directory_are_one_log(tmp_path: Path, how: str) -> None:
    plant, log = tmp_path / "plant.yaml", tmp_path / "log.jsonl"
    plant.write_text(PLANT, "utf-8")
    everything = [json.dumps(event) + "\n" for event in events(3, UNITS) if "unit_id" in event]
    half = len(everything) // 2
    sent = [everything[:half], everything[half // 2 :], everything]  # what a sender is not sure of it sends again
    for part in sent:
        log.write_text("".join(part), "utf-8")
        with Running(tmp_path, "up", "--port", str(free_port()), "--plant", str(plant)) as up:
            replayed = up.floorstream("replay", str(log), "--via", "http")
            assert replayed.returncode in (0, 1), replayed.stderr  # 1: some are refused, as they should be
            if part is not everything:
                end(up, how)
                continue
            assert up.floorstream("drain", "--timeout", "60s").returncode == 0
            verified = up.floorstream("verify")
            assert verified.returncode == 0, verified.stdout + verified.stderr
            assert up.floorstream("export", "--out", str(tmp_path / "exported")).returncode == 0
            folded = up.floorstream("fold", str(log), "--plant", str(plant), "--out", str(tmp_path / "folded"))
            assert folded.returncode == 0, folded.stderr
    for name in ("visits.csv", "operations.csv", "units.csv"):
        assert (tmp_path / "exported" / name).read_bytes() == (tmp_path / "folded" / name).read_bytes(), name


def test_what_was_ordered_holds_in_the_next_run(tmp_path: Path) -> None:
    plant = tmp_path / "plant.yaml"
    plant.write_text(PLANT, "utf-8")
    words = ("up", "--port", str(free_port()), "--plant", str(plant))
    with Running(tmp_path, *words) as up:
        for quantity in ("5", "7.50"):
            answer = httpx.put(f"{up.address}/v1/orders/O-1", json={"product_id": "P1", "quantity": quantity})
            assert answer.is_success, answer.text
        before = httpx.get(f"{up.address}/v1/orders/O-1").json()
        up.interrupt()  # at once: nobody has waited for the database
    with Running(tmp_path, *words) as up:
        assert httpx.get(f"{up.address}/v1/orders/O-1").json() == before
        answer = httpx.put(
            f"{up.address}/v1/orders/O-1", json={"product_id": "P1", "quantity": "9"}, headers={"If-Match": '"2"'}
        )
        assert (answer.status_code, answer.json()["revision"]) == (200, 3), answer.text
