"""A set of accepted events of one unit, folded: voids out, instant by instant, each in its own order."""

from collections.abc import Iterable, Mapping
from itertools import groupby

from .event import RANK, Event
from .plant import Plant
from .unit import RUNNING, Rules, Unit

NOT_ON_ROUTING = 1_000_000


def alive(events: Iterable[Event]) -> list[Event]:
    """The events without those that a void names and without the voids."""
    kept = list(events)
    voided = {event.voids for event in kept if event.action == "void"}
    return [event for event in kept if event.action != "void" and event.event_id not in voided]


def product_named(events: Iterable[Event]) -> str | None:
    """The product named by the earliest event that names one."""
    naming = [event for event in alive(events) if event.product_id is not None]
    first = min(naming, key=lambda event: (event.time, event.rank, event.event_id), default=None)
    return first.product_id if first else None


def rules_for(plants: Mapping[int, Plant], lowest_version: int, product_id: str | None) -> Rules:
    """What the unit is judged by; its presence is that of the lowest version among its accepted events."""
    return Rules(plants, product_id, plants[lowest_version].presence(product_id))


def fold_onto(unit: Unit, events: Iterable[Event], rules: Rules) -> None:
    """Let the live events happen to the unit, instant by instant."""
    in_time = sorted(alive(events), key=lambda event: event.time)
    for _, instant in groupby(in_time, key=lambda event: event.time):
        for event in in_order(list(instant), unit, rules):
            unit.apply(event, rules)


def in_order(instant: list[Event], unit: Unit, rules: Rules) -> list[Event]:
    """The events of one instant in the order in which they happen to the unit as it is just before it."""
    open_before = [visit.operation_id for visit in unit.open_visits()]
    operations = {event.operation_id for event in instant if event.operation_id is not None}
    ordered: list[Event] = []
    for operation_id in [operation for operation in open_before if operation in operations]:
        ordered += _within_operation(operation_id, instant, unit)
    others = [operation for operation in operations if operation not in open_before]
    for operation_id in sorted(others, key=lambda name: (_position(name, instant, rules), name)):
        ordered += _within_operation(operation_id, instant, unit)
    nowhere = [event for event in instant if event.operation_id is None]
    return ordered + sorted(nowhere, key=lambda event: (event.rank, event.event_id))


def _position(operation_id: str, instant: list[Event], rules: Rules) -> int:
    """The foremost position that the operation has by the versions of its own events in the instant."""
    versions = [event.version for event in instant if event.operation_id == operation_id]
    positions = [rules.plants[version].position(rules.product_id, operation_id) for version in versions]
    return min(NOT_ON_ROUTING if position is None else position for position in positions)


def _within_operation(operation_id: str, instant: list[Event], unit: Unit) -> list[Event]:
    visit = unit.open_at(operation_id)
    swapped: dict[str, str] = {}
    if visit is not None and visit.phase == RUNNING:
        swapped |= {"start": "finish", "finish": "start"}
    if visit is not None and visit.held:
        swapped |= {"hold": "release", "release": "hold"}
    here = [event for event in instant if event.operation_id == operation_id]
    return sorted(here, key=lambda event: (RANK[swapped.get(event.action, event.action)], event.event_id))
