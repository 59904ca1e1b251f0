"""Packed rows of units and visits come into the database as the message says, whatever it says."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.adapters.sink_wire_visits import visits_record
from services.adapters.timescale_pool import open_pool
from services.adapters.timescale_write import Flush, SinkWriter, make_staging
from services.core.errors import BrokenGuarantee
from services.core.stored import UnitChange
from tests.integration.test_store_rows import Record
from tests.store_messages import change, encoded, visit

INT4, INT8 = 2**31 - 1, 2**62
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
amount = st.decimals(-(10**12), 10**12, places=6).map(lambda n: f"{n.normalize():f}")
instant = st.integers(0, 253_402_300_799_999_999)
length = st.none() | st.integers(-INT8, INT8)
number = st.integers(-INT4, INT4)
stays = st.builds(
    visit, st.integers(1, INT4), visit_id=text, operation_id=text, work_unit_id=st.none() | text,
    product_id=st.none() | text, arrived_us=instant, started_us=st.none() | instant, finished_us=st.none() | instant,
    departed_us=st.none() | instant, outcome=text, flags=st.lists(text, max_size=3), repeats=number, runs=number,
    dwell_us=length, queue_us=length, process_us=length, wait_us=length, hold_us=length, quantity=amount,
    position=st.none() | number, phase=text, held=st.booleans(), model=number,
)  # fmt: skip
changes = st.builds(
    change, text, st.integers(0, INT8), st.just(9), st.lists(stays, max_size=3, unique_by=lambda v: v["visit_seq"]),
    status=text, operation_id=text, phase=text, visits=number, strays=number, quantity=amount,
    product_id=st.none() | text, events=st.integers(0, INT8),
)  # fmt: skip


def kept(value: object) -> object:
    """The value as the database has it: without NUL, quantities as numbers."""
    if isinstance(value, list):
        return [kept(item) for item in value]
    return value.replace("\x00", "") if isinstance(value, str) else value


def expected(said: dict[str, Any]) -> dict[str, Any]:
    """The columns of a message's unit or visit."""
    row = {name.removesuffix("_us") if name in INSTANTS else name: kept(value) for name, value in said.items()}
    return row | {"quantity": Decimal(said["quantity"])}


INSTANTS = frozenset({"arrived_us", "started_us", "finished_us", "departed_us"})


def packed(message: dict[str, Any]) -> UnitChange:
    said = visits_record(Record(encoded(message), topic="floor.visits", offset=3), 1)
    assert isinstance(said, UnitChange)
    return said


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(messages=st.lists(changes, min_size=10, max_size=30, unique_by=lambda m: str(kept(m["unit_id"]))))
async def test_a_packed_row_is_what_the_message_says(database: str, messages: list[dict[str, Any]]) -> None:
    said = [packed(message) for message in messages]
    pool = await open_pool(database, application="test", maximum=1, setup=make_staging)
    try:
        await pool.execute("TRUNCATE units, visits")
        rows = {"units": [s.unit for s in said], "visits": [row for s in said for _, row in s.visits]}
        await SinkWriter(pool, 1).write(Flush(rows=rows))
        units = {row["unit_id"]: dict(row) for row in await pool.fetch("SELECT * FROM units")}
        visits = {(row["unit_id"], row["visit_seq"]): dict(row) for row in await pool.fetch("SELECT * FROM visits")}
    finally:
        await pool.close()
    for message in messages:
        own = {"unit_id": kept(message["unit_id"]), "generation": 1, "revision": message["accepted"], "partition": 0}
        gone = message["unit"]["events"] == 0
        assert units.pop(own["unit_id"]) == {**own, **expected(message["unit"]), "deleted": gone}
        for row in message["visits"]:
            assert visits.pop((own["unit_id"], row["visit_seq"])) == {**own, **expected(row), "deleted": False}
    assert not units
    assert not visits


@pytest.mark.parametrize(
    "changed", [{"quantity": "many"}, {"quantity": "NaN"}, {"repeats": 2**31}, {"dwell_us": 2**63}, {"visit_id": 7}]
)
def test_a_value_that_no_column_holds_is_a_broken_guarantee(changed: dict[str, Any]) -> None:
    with pytest.raises(BrokenGuarantee, match=r"floor\.visits/0 offset 3 is not a message"):
        packed(change("U", 1, 9, [visit(1, **changed)]))
