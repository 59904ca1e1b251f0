"""Hypothesis strategies: plant models and logs of one to four units, rich in trouble.

`within_bounds()` keeps disorder inside what the kept history can mend, so that the bounded fold equals the unbounded
one; `beyond_bounds()` lets anything come at any time.
"""

from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from .case import MINUTE, ZERO, plant
from .fold import fold
from .instant import text

Row = dict[str, Any]
OPERATIONS = "A B C D 测试"
ROUTINGS = ({"P": "A B C", "Q": "", "R": "C B"}, {"P": "B D A", "Q": "测试 A", "R": "C"}, {"P": "A C"})
GAPS = (0, 0, 1, MINUTE, 5 * MINUTE, 10 * MINUTE)
LONGEST_GAP = max(GAPS)
ACTIONS = ("arrive", "start", "finish", "depart", "hold", "release", "scrap", "complete", "adjust")
SOMEWHERE = ("hold", "release", "scrap", "complete")  # may leave out the operation


@dataclass(frozen=True)
class Scenario:
    """A plant in all its versions, and a log with markers and events."""

    models: dict[int, Row]
    log: list[Row]


def within_bounds(most_units: int = 4, most_events: int = 20) -> st.SearchStrategy[Scenario]:
    """No event first comes at or behind its unit's edge, and neither void nor first product reaches across it."""
    return _scenarios(most_units, most_events, within=True)


def beyond_bounds(most_units: int = 4, most_events: int = 20) -> st.SearchStrategy[Scenario]:
    """Events come in any order, with short histories: many are too late."""
    return _scenarios(most_units, most_events, within=False)


@st.composite
def _scenarios(draw: st.DrawFn, most_units: int, most_events: int, within: bool) -> Scenario:
    rnd = draw(st.randoms(use_true_random=False))
    history_events = draw(st.sampled_from((6, 9, 32) if within else (1, 2, 4, 8)))
    displacement = draw(st.integers(0, history_events // 3)) if within else most_events
    horizon = draw(st.sampled_from(("24h", f"{(displacement + 1) * LONGEST_GAP // MINUTE}m" if within else "9m")))
    retention = draw(st.sampled_from(("30d", "2h", "10m", "1m")))
    bounds = {"history_events": history_events, "history_horizon": horizon, "unit_retention": retention}
    models = {version: _model(rnd, version, bounds) for version in range(1, draw(st.integers(1, 3)) + 1)}
    logs = []
    for number in range(draw(st.integers(1, most_units))):
        count = draw(st.integers(1, most_events))
        product_until = history_events // 2 if within else count
        logs.append(_unit_log(rnd, f"U{number}", count, displacement, product_until))
    log = _interleaved(rnd, logs)
    for version in (*range(2, len(models) + 1), *range(1, len(models))):
        log.insert(rnd.randrange(len(log) + 1), {"model": version})
    scenario = Scenario(models, [{"model": 1}, *log])
    if within:
        assume(not fold(scenario.models, scenario.log, bounded=True).outside_bounds)
    return scenario


def _model(rnd: Random, version: int, bounds: Row) -> Row:
    return plant(
        OPERATIONS,
        products=rnd.choice(ROUTINGS),
        presence=rnd.choice(("single", "multiple")),
        product_presence={} if rnd.random() < 0.7 else {"P": "multiple", "Q": "single"},
        **bounds,
    )


def _unit_log(rnd: Random, unit_id: str, count: int, displacement: int, product_until: int) -> list[Row]:
    """The unit's events in an order of arrival in which none is overtaken by more than `displacement` others."""
    now = ZERO + rnd.choice((0, 0, 120 * MINUTE))
    arrivals: list[tuple[int, int, Row]] = []
    walk = _walk(rnd)
    for number in range(count):
        now += rnd.choice(GAPS)
        event = _event(rnd, walk)
        product = rnd.choice(("P", "Q", "R"))
        if number < product_until and rnd.random() < 0.2:
            event["product_id"] = product
        event |= {"event_id": f"{rnd.choice('abc')}{number}", "unit_id": unit_id, "event_time": text(now)}
        arrivals.append((number + rnd.randint(0, displacement), number, event))
        if rnd.random() < 0.12:
            void = {"event_id": f"v{number}", "unit_id": unit_id, "action": "void", "event_time": text(now)}
            void["voids"] = event["event_id"] if rnd.random() < 0.9 else f"v{number - 1}"
            arrivals.append((number + rnd.randint(0, displacement), number, void))
    log = [event for _, _, event in sorted(arrivals, key=lambda arrival: arrival[:2])]
    return _with_deliveries(rnd, log)


def _walk(rnd: Random) -> list[tuple[str, str]]:
    """What an orderly unit would do, here and there forgetting to scan; the next step is the last of the list."""
    steps = []
    for operation_id in rnd.sample(OPERATIONS.split(), k=rnd.choice((1, 2, 4))):
        steps += [(action, operation_id) for action in ACTIONS[:4] if rnd.random() < 0.7]
    if rnd.random() < 0.5:
        steps.append(("complete", operation_id))
    return steps[::-1]


def _event(rnd: Random, walk: list[tuple[str, str]]) -> Row:
    """The next orderly scan, or something else."""
    if walk and rnd.random() < 0.6:
        action, operation_id = walk.pop()
    else:
        action, operation_id = rnd.choice(ACTIONS), rnd.choice(OPERATIONS.split())
    event: Row = {"action": action, "operation_id": operation_id}
    if action == "adjust" or (action in SOMEWHERE and rnd.random() < 0.5):
        del event["operation_id"]
    if action == "adjust":
        event["quantity_delta"] = rnd.choice(("-1", "-0.5", "2", "-20"))
    if action == "scrap" and rnd.random() < 0.7:
        event["scrap_quantity"] = rnd.choice(("0.25", "1", "3"))
    if action in ACTIONS[:4]:
        if rnd.random() < 0.25:
            event["quantity"] = rnd.choice(("0", "1", "2.5", "10"))
        if rnd.random() < 0.3:
            event["work_unit_id"] = rnd.choice(("W1", "W2"))
    if action == "arrive" and rnd.random() < 0.2:
        event = {"read_point_id": f"{operation_id}-IN"}
    return event


def _with_deliveries(rnd: Random, log: list[Row]) -> list[Row]:
    """Some events come again, some with other content, some come first in a form that is refused."""
    delivered = list(log)
    for event in log:
        if rnd.random() < 0.15:
            again = event | rnd.choice(({}, {"operator_id": "o1"}, {"work_unit_id": "W3"}, {"order_id": "o9"}))
            first = next(place for place, other in enumerate(delivered) if other is event)
            delivered.insert(rnd.randint(first + 1, len(delivered)), again)
        if rnd.random() < 0.08:
            refused = rnd.choice(
                (
                    {"action": "jump"},
                    {"quantity": "-1"},
                    {"action": "arrive", "operation_id": "NOWHERE"},
                    {"read_point_id": "NOWHERE"},
                    {"recorded_time": text(ZERO - 6 * MINUTE)},
                )
            )
            delivered.insert(rnd.randrange(len(delivered) + 1), event | refused)
    return delivered


def _interleaved(rnd: Random, logs: list[list[Row]]) -> list[Row]:
    """One log, each unit's own order kept."""
    waiting = [list(log) for log in logs]
    merged: list[Row] = []
    while waiting := [log for log in waiting if log]:
        merged.append(rnd.choice(waiting).pop(0))
    return merged
