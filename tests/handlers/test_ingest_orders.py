"""Orders by REST: several at once, changes from a known revision, and two ingests that write the same order."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.adapters.api_access import Access
from services.adapters.metrics import Metrics
from services.adapters.plant_master import PlantMaster
from services.adapters.plant_publish import PlantPublisher
from services.ingest.app import application
from services.ingest.deps import Deps
from services.ports import Outgoing
from tests.fake_log import FakeLog, FixedClock, MasterFeed
from tests.ingest_floor import NOW, Floor, memory_floor
from tests.parts import until

ORDER = {"product_id": "P", "quantity": "10"}


async def put(floor: Floor, quantity: object, **headers: str) -> tuple[int, dict[str, Any]]:
    answer = await floor.client.put("/v1/orders/WO-1", json={**ORDER, "quantity": quantity}, headers=headers)
    return answer.status_code, answer.json()


async def test_several_orders_each_have_a_verdict() -> None:
    async with memory_floor() as floor:
        items = [{"order_id": "A", **ORDER}, {"order_id": "B"}, {"order_id": "A", **ORDER, "quantity": 11}]
        lines = b"\n".join(json.dumps(item).encode() for item in items)
        for body, kind in ((json.dumps(items).encode(), "application/json"), (lines, "application/x-ndjson")):
            answer = await floor.client.post("/v1/orders", content=body, headers={"Content-Type": kind})
            said = answer.json()
            assert (answer.status_code, said["accepted"], said["rejected"]) == (200, 2, 1)
            assert [each["status"] for each in said["results"]] == ["accepted", "refused", "accepted"]
            assert said["results"][1]["detail"].startswith("product_id: is required; quantity: is required")
        again = await floor.client.post("/v1/orders", json=[items[2]])
        assert again.json()["results"][0] | {"revision": 0} == {
            "index": 0, "order_id": "A", "status": "accepted", "changed": False, "revision": 0, "reason": None,
            "detail": None,
        }  # fmt: skip
        judged = await floor.client.post("/v1/orders?validate=true", json=[{"order_id": "C", **ORDER}])
        assert (judged.status_code, judged.json()["accepted"]) == (200, 1)
        assert (await floor.client.get("/v1/orders/C")).status_code == 404


async def test_a_change_of_another_revision_is_refused() -> None:
    async with memory_floor() as floor:
        assert (await put(floor, 1, **{"If-None-Match": "*"}))[0] == 201
        assert (await put(floor, 2, **{"If-None-Match": "*"}))[0] == 409
        assert (await put(floor, 2, **{"If-Match": '"1"'}))[1]["revision"] == 2
        status, said = await put(floor, 3, **{"If-Match": '"1"'})
        assert (status, said["current"]) == (409, 2)
        assert (await put(floor, 3, **{"If-Match": "one"}))[0] == 400
        answer = await floor.client.get("/v1/orders/WO-1")
        assert (answer.headers["etag"], answer.json()["quantity"]) == ('"2"', "2")


async def test_deleting_cancels_and_once_only() -> None:
    async with memory_floor() as floor:
        assert (await floor.client.delete("/v1/orders/WO-1")).status_code == 404
        await put(floor, 1)
        for _ in range(2):
            answer = await floor.client.delete("/v1/orders/WO-1")
            assert (answer.json()["change"], answer.json()["revision"]) == ("cancelled", 2)


async def test_an_order_that_was_cancelled_is_made_after_all_once_it_is_sent_again() -> None:
    async with memory_floor() as floor:
        await put(floor, 1)
        await floor.client.delete("/v1/orders/WO-1")
        for _ in range(2):
            status, said = await put(floor, 1)
            assert (status, said["change"], said["revision"]) == (200, "new", 3)


async def test_if_match_any_is_for_an_order_that_is_there() -> None:
    async with memory_floor() as floor:
        for known in ("*", '"1"'):
            status, said = await put(floor, 1, **{"If-Match": known})
            assert (status, said["current"], "send it without If-Match" in said["detail"]) == (409, 0, True)
        await put(floor, 1)
        assert (await put(floor, 2, **{"If-Match": "*"}))[0] == 200
        assert (await put(floor, 3, **{"If-None-Match": '"1"'}))[0] == 400


async def test_a_change_sent_again_because_its_answer_was_lost_is_no_conflict() -> None:
    async with memory_floor() as floor:
        await put(floor, 1)
        for _ in range(2):
            status, said = await put(floor, 2, **{"If-Match": '"1"'})
            assert (status, said["revision"]) == (200, 2)
        for _ in range(2):
            answer = await floor.client.delete("/v1/orders/WO-1", headers={"If-Match": '"2"'})
            assert (answer.status_code, answer.json()["revision"]) == (200, 3)
        assert (await put(floor, 2, **{"If-Match": '"2"'}))[0] == 409


async def test_the_etag_of_a_revision_by_the_clock_is_taken_back() -> None:
    async with memory_floor() as floor:
        await floor.client.put("/v1/orders/WO-1", json={**ORDER, "revision": 1_764_140_000_000_000})
        etag = (await floor.client.get("/v1/orders/WO-1")).headers["etag"]
        assert (await put(floor, 2, **{"If-Match": etag}))[0] == 200


async def test_an_order_number_may_have_slashes() -> None:
    async with memory_floor() as floor:
        await floor.client.post("/v1/orders", json=[{"order_id": "WH/MO/1", **ORDER}])
        for method, status in (("GET", 200), ("DELETE", 200)):
            answer = await floor.client.request(method, "/v1/orders/WH%2FMO%2F1")
            assert (answer.status_code, answer.json().get("order_id")) == (status, "WH/MO/1")


async def test_no_order_is_said_to_be_absent_before_all_have_been_read() -> None:
    log, clock, metrics = FakeLog(), FixedClock(0), Metrics()
    master = PlantMaster(MasterFeed(log))
    publisher = PlantPublisher(master, log, 1, None, clock, metrics)
    deps = Deps(1, 1, Access(None, "127.0.0.1", clock), clock, log, master, publisher, metrics)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application(deps)), base_url="http://x") as client:
        for path in ("/v1/orders", "/v1/orders/WO-1"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "not-ready")


async def test_pages() -> None:
    async with memory_floor() as floor:
        await floor.client.post("/v1/orders", json=[{"order_id": f"O{number}", **ORDER} for number in range(5)])
        seen, after = [], ""
        while after is not None:
            page = (await floor.client.get("/v1/orders", params={"limit": 2, "after": after})).json()
            seen += [each["order_id"] for each in page["orders"]]
            after = page["after"]
        assert seen == ["O0", "O1", "O2", "O3", "O4"]


async def test_no_update_is_lost_between_two_ingests() -> None:
    """Both decide by the same revision; only one of them can be the next. The other decides anew."""
    log = FakeLog()
    async with memory_floor(log) as one, memory_floor(log, plant=None) as other:
        first = [put(floor, number + 1) for number, floor in enumerate([one, other] * 10)]
        answers = await asyncio.gather(*first)
        assert [status for status, _ in answers if status not in (200, 201)] == []
        assert sorted(said["revision"] for _, said in answers) == list(range(1, 21))
        written = order_records(log)
        assert all(said in written for _, said in answers)
        assert (written[-1]["revision"], written[-1]) == (20, (await one.client.get("/v1/orders/WO-1")).json())


async def test_of_two_who_know_the_same_revision_one_is_refused_and_compaction_keeps_the_other() -> None:
    log = FakeLog()
    async with memory_floor(log) as one, memory_floor(log, plant=None) as other:
        await put(one, 1)
        for revision in range(1, 6):
            known = {"If-Match": f'"{revision}"'}
            await other_has_read(other, revision)
            answers = await asyncio.gather(put(one, 10 * revision, **known), put(other, 10 * revision + 1, **known))
            assert sorted(status for status, _ in answers) == [200, 409]
            [taken] = [said for status, said in answers if status == 200]
            assert order_records(log)[-1] == taken
            assert (await one.client.get("/v1/orders/WO-1")).json() == taken


async def test_what_held_is_not_written_over_where_another_order_of_the_request_lost() -> None:
    """Another ingest is first with B, and changes A once ours is there: of ours only B is decided again."""
    log = CrossedLog()
    async with memory_floor(log) as floor:
        log.first, log.then = [revision("B", 1, "7")], [revision("A", 2, "8")]
        answer = await floor.client.post("/v1/orders", json=[{"order_id": each, **ORDER} for each in "AB"])
        assert [(each["changed"], each["revision"]) for each in answer.json()["results"]] == [(True, 1), (True, 2)]
        held = [(await floor.client.get(f"/v1/orders/{each}")).json() for each in "AB"]
        assert [(each["revision"], each["quantity"]) for each in held] == [(2, "8"), (2, "10")]


async def test_what_holds_stands_last_though_whoever_lost_was_killed_before_it_could_say_so() -> None:
    log = FakeLog()
    await log.send([revision("A", 1, "7"), revision("A", 1, "8")])
    async with memory_floor(log, plant=None):

        async def holds() -> bool:
            return order_records(log)[-1]["quantity"] == "7"

        await until(holds, "the revision that holds is written again", 30)
    async with memory_floor(log, plant=None) as floor:
        assert (await floor.client.get("/v1/orders/A")).json()["quantity"] == "7"
    assert len(order_records(log)) == 3


@dataclass
class CrossedLog(FakeLog):
    """Another ingest writes just before ours, and just after."""

    first: list[Outgoing] = field(default_factory=list)
    then: list[Outgoing] = field(default_factory=list)

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        """Ours in the middle; the others' once."""
        first, then, self.first, self.then = self.first, self.then, [], []
        await super().send(first)
        offsets = await super().send(records)
        await super().send(then)
        return offsets


def revision(order_id: str, number: int, quantity: str) -> Outgoing:
    """A revision as another ingest writes it."""
    said = {"change": "new", "changed_by": "other", "changed": NOW, **ORDER, "quantity": quantity}
    value = json.dumps({"order_id": order_id, "revision": number, **said}).encode()
    return Outgoing("floor.master", 0, b"order/" + order_id.encode(), value)


def order_records(log: FakeLog) -> list[dict[str, Any]]:
    """The revisions in the log."""
    return [
        json.loads(record.value or b"") for record in log.of("floor.master") if (record.key or b"")[:6] == b"order/"
    ]


async def other_has_read(floor: Floor, revision: int) -> None:
    """Wait until this ingest knows the revision."""

    async def known() -> bool:
        answer = await floor.client.get("/v1/orders/WO-1")
        return answer.status_code == 200 and answer.json()["revision"] >= revision

    await until(known, f"revision {revision}", 60)
