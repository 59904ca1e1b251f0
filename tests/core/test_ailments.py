"""What `floorstream doctor` calls wrong: each finding from its signs, and none without them."""

import re

import pytest

from services.core.ailments import blamed, findings
from services.core.cures import CURES
from services.core.errors import Reason
from services.core.signs import Look, Refusals, Signs, Source, Space, Untold, Waiting

GIB = 2**30
BEFORE = Look({0: 100, 1: 100}, {0: 99, 1: 89}, {0: 99, 1: 89})
SIGNS = {
    "broker_away": Signs(unreachable=[("broker", "refused")]),
    "not_ready": Signs(not_ready=["plant model: none"]),
    "stage_silent": Signs(silent_stages=["store"]),
    "migrations_pending": Signs(migrations=["014_x.sql"]),
    "generation": Signs(generation=2, generation_set=1),
    "clock_off": Signs(clock_off_s=-2.5),
    "track_stuck": Signs(looks=[BEFORE, Look({0: 100, 1: 120}, {0: 99, 1: 89}, {0: 99, 1: 89})]),
    "store_stuck": Signs(looks=[BEFORE, Look({0: 100, 1: 120}, {0: 99, 1: 89}, {0: 99, 1: 119})]),
    "aggregate_stuck": Signs(looks=[BEFORE, Look({0: 100, 1: 120}, {0: 99, 1: 119}, {0: 99, 1: 89})]),
    "track_behind": Signs(looks=[BEFORE, Look({0: 100, 1: 9_000}, {0: 99, 1: 99}, {0: 99, 1: 99})]),
    "rejects_rising": Signs(refusals=[Refusals("clock_ahead", "gate", 5, 200)]),
    "source_silent": Signs(sources=[Source("gate", 20, 601, 190)]),
    "partition_silent": Signs(partitions={0: 1_000, 1: 0}),
    "notify_waiting": Signs(waiting=[Waiting("robot", 3, 301, "errcode 310000")]),
    "visits_waiting": Signs(looks=[Look({}, {}, {}, {"mes": 7})] * 2, untold=[Untold("mes", 9, 301)]),
    "disk_low": Signs(spaces=[Space("disk of /d", GIB, 11 * GIB)]),
    "memory_low": Signs(spaces=[Space("memory", GIB, 21 * GIB)]),
    "broker_memory": Signs(spaces=[Space("memory", 8 * GIB, 16 * GIB)], broker_bytes=5 * GIB),
    "imbalance": Signs(gauges={"floorstream_aggregate_imbalances": 1}),
    "board_late": Signs(gauges={"floorstream_aggregate_unsent_seconds": 6}),
}
WELL = {
    "nothing known": Signs(),
    "all there": Signs(looks=[Look({0: 100}, {0: 99}, {0: 99})] * 2),
    "came since the first look": Signs(looks=[Look({0: 100}, {0: 99}, {0: 99}), Look({0: 105}, {0: 99}, {0: 99})]),
    "moves": Signs(looks=[BEFORE, Look({0: 100, 1: 120}, {0: 99, 1: 110}, {0: 99, 1: 112})]),
    "an empty log": Signs(looks=[Look({0: 0}, {}, {})] * 2),
    "few refused": Signs(refusals=[Refusals("malformed", "gate", 4, 0), Refusals("malformed", "big", 5, 300)]),
    "a source that is slow": Signs(sources=[Source("gate", 20, 700, 7_000), Source("by hand", 19, 7_000, 1)]),
    "a quiet plant": Signs(partitions={0: 999, 1: 0}),
    "a message under way": Signs(waiting=[Waiting("robot", 1, 20, "")]),
    "visits under way": Signs(untold=[Untold("mes", 9, 20)]),
    "a subscriber that catches up": Signs(
        looks=[Look({}, {}, {}, {"mes": 7}), Look({}, {}, {}, {"mes": 8})], untold=[Untold("mes", 9, 301)]
    ),
    "room": Signs(spaces=[Space("disk of /d", 2 * GIB, 11 * GIB), Space("memory", 2 * GIB, 21 * GIB)]),
    "nobody set a generation": Signs(generation=3),
}


@pytest.mark.parametrize("name", SIGNS)
def test_a_trouble_is_found_and_nothing_else(name: str) -> None:
    assert [each.name for each in findings(SIGNS[name])] == [name]


@pytest.mark.parametrize("name", SIGNS)
def test_a_finding_says_what_and_what_to_do_in_both_languages(name: str) -> None:
    (finding,) = findings(SIGNS[name])
    assert all(re.search("[\u4e00-\u9fff]", text) for text in (finding.zh, finding.do_zh))
    assert not any(re.search("[\u4e00-\u9fff]", text) for text in (finding.en, finding.do_en))


@pytest.mark.parametrize("name", WELL)
def test_nothing_is_found_where_all_is_well(name: str) -> None:
    assert findings(WELL[name]) == []


def test_every_reason_has_a_cure() -> None:
    assert set(CURES) == set(Reason)


def test_where_both_lack_it_is_track() -> None:
    behind = Look({0: 10, 1: 10}, {0: 4, 1: 9}, {0: 5, 1: 9})
    assert {blamed("rows", behind), blamed("board", behind)} == {"track"}
