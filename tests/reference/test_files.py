"""The three files to the byte, the ledger of a small plant, and the oracle on a real factory's log."""

from pathlib import Path

import pytest

from . import trier
from .case import events, plant
from .files import files
from .fold import fold
from .instant import microseconds, text
from .ledger import Ledger

LOG = """
model 1
0 arrive A u=b
1.5 finish A u=b
2 hold A u=b
2 arrive B u=é
3 arrive B u=Z
4 depart B u=Z
4 arrive A u=b
5 void voids=nothing u=a
6 depart A u=c,d
"""


def test_visits_csv() -> None:
    assert files(fold({1: plant("A B")}, events(LOG)))["visits.csv"].decode() == (
        "unit_id,visit_seq,operation_id,arrived,started,finished,departed,outcome,flags,repeats,runs,"
        "dwell_s,queue_s,process_s,wait_s,hold_s\n"
        "Z,1,B,2026-11-23T06:03:00.000000Z,,,2026-11-23T06:04:00.000000Z,moved,implied_finish,0,0,"
        "60.000000,60.000000,0.000000,0.000000,0.000000\n"
        "b,1,A,2026-11-23T06:00:00.000000Z,2026-11-23T06:00:00.000000Z,2026-11-23T06:01:30.000000Z,,open,"
        "implied_start,1,1,,,,,\n"
        "é,1,B,2026-11-23T06:02:00.000000Z,,,,open,,0,0,,,,,\n"
    )


def test_operations_csv() -> None:
    assert files(fold({1: plant("A B 测试")}, events(LOG)))["operations.csv"].decode() == (
        "operation_id,wip,queued,running,finished,held,arrivals,departures,completed,scrapped,rework\n"
        "A,1,0,0,0,1,1,0,0,0,0\n"
        "B,1,1,0,0,0,2,1,0,0,0\n"
        "测试,0,0,0,0,0,0,0,0,0,0\n"
    )


def test_units_csv() -> None:
    assert files(fold({1: plant("A B")}, events(LOG)))["units.csv"].decode() == (
        "unit_id,status,operation_id,phase,visits,strays\n"
        "Z,in_transit,,,1,0\n"
        "b,in_process,A,held,1,0\n"
        '"c,d",unseen,,,0,1\n'
        "é,in_process,B,queued,1,0\n"
    )


def test_visit_seq_sorts_as_a_number() -> None:
    log = events("\n".join(f"{minute} finish {'AB'[minute % 2]}" for minute in range(11)))
    rows = files(fold({1: plant()}, [{"model": 1}, *log]))["visits.csv"].decode().splitlines()[1:]
    assert [row.split(",")[1] for row in rows] == [str(seq) for seq in range(1, 12)]


def test_ledger() -> None:
    log = events(
        "0 arrive A \n 1 complete \n 2 arrive B \n 3 depart B \n 0 arrive A u=V \n 1 scrap u=V \n 0 arrive A u=W"
    )
    ledger = fold({1: plant()}, [{"model": 1}, *log]).ledger
    assert ledger == Ledger(
        entered=4, completed=1, scrapped=1, in_process=1, in_transit=1, wip=1, most_open_visits_of_a_unit=1
    )


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("2026-11-23T06:00:00Z", "2026-11-23T06:00:00.000000Z"),
        ("2026-11-23t06:00:00.1234567z", "2026-11-23T06:00:00.123456Z"),
        ("2026-11-23T00:30:00.5-05:30", "2026-11-23T06:00:00.500000Z"),
        ("2000-01-01T00:00:00+00:00", "2000-01-01T00:00:00.000000Z"),
    ],
)
def test_instants(written: str, canonical: str) -> None:
    assert text(microseconds(written)) == canonical


@pytest.mark.parametrize(
    "written", ["2026-11-23T06:00:60Z", "2026-11-23T24:00:00Z", "2026-02-29T00:00:00Z", "2026-11-23 06:00:00Z",
                "2026-11-23T06:00:00", "2000-01-01T00:00:00+00:01", "", True, 1.5]
)  # fmt: skip
def test_malformed_instants(written: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        microseconds(written)


@pytest.mark.parametrize("bounded", [False, True])
def test_model_factory(bounded: bool) -> None:
    if not Path(trier.EVENTS).exists():
        pytest.skip("the Trier factory data set is not beside the repository")
    result = fold(*trier.scenario(), bounded=bounded)
    lines = trier.read()
    assert {v.verdict for v in result.verdicts} == {"accepted"}
    assert len(result.units) == len({line["case_id"] for line in lines}) == 201
    assert sum(v["repeats"] + 1 for v in result.visits) == sum(
        line["lifecycle:transition"] == "scheduled" for line in lines
    )
    assert sum(v["runs"] for v in result.visits) == sum(line["lifecycle:transition"] == "start" for line in lines)
    assert len(result.visits) == 2200
    assert result.ledger.in_process == 201
