"""What an EPCIS event means on this floor: which units, where, and the events of the product that it becomes.

    Object, Transaction      every unit: the action of the event, where it was read
    Association              the parent and the children alike
    Aggregation  ADD         a merge: the children give their pieces, the parent arrives with them
                 DELETE      a split: the parent gives, the children arrive
                 OBSERVE     the parent, or the children where none is named
    Transformation           a split or merge: inputs give, outputs arrive
    errorDeclaration         a void of each of these

The action is what the plant model's `epcis` says of the disposition or the business step, else what the read point
says, else what the standard's word means (`STEPS`). An event of no place of a plant says nothing about it: nothing.
All is made from what the event hash covers, so one event written differently becomes the same events.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from services.core.entry import Made
from services.core.epcis_hash import rounded_time
from services.core.epcis_names import expanded, prefixes_of, word_of, word_uri
from services.core.equipment import PlantModel
from services.core.errors import BadScan, Reason
from services.core.gs1_ai import BadGs1
from services.core.gs1_names import canonical_name, product_of, read_name, unit_of
from services.core.identity import transform_event_id
from services.core.instant import format_with_offset

IGNORED = "ignore"
"""The action of a step that moves no unit here."""
NEEDS_PLACE = frozenset(["arrive", "start", "finish", "depart"])
MOST_UNITS = 5_000

_BY_ACTION = {
    "arrive": "accepting arriving commissioning creating_class_instance cycle_counting entering_exiting other "
    "receiving staging_outbound stock_taking stocking storing",
    "start": "assembling collecting disassembling dispensing encoding inspecting installing loading packing picking "
    "removing repackaging repairing replacing sampling unloading unpacking",
    "depart": "consigning departing shipping",
    "hold": "holding reserving",
    "scrap": "decommissioning destroying killing",
    "complete": "retail_selling",
    IGNORED: "sensor_reporting transporting void_shipping",
}
STEPS: Mapping[str, str] = {step: action for action, steps in _BY_ACTION.items() for step in steps.split()}
"""Business step → action, where the plant model says nothing else."""

Event = Mapping[str, Any]
Prefixes = Mapping[str, str]
Amounts = dict[str, Decimal | None]


class Subject(NamedTuple):
    """A unit of an event: pieces (None: not said) and product."""

    unit_id: str
    quantity: Decimal | None
    product_id: str | None


class _Said(NamedTuple):
    """What all events made of one have in common."""

    id: str
    time: str
    order: str | None


def floor_events(
    event: Event, event_id: str, prefixes: Prefixes, model: PlantModel, make: Callable[..., Made]
) -> list[Made]:
    """The events that a valid EPCIS event becomes; none where it is about no place of the plant.

    `event_id` is its hash, `make` takes fields by name. Raises BadScan.
    """
    prefixes = prefixes_of(event.get("@context"), prefixes)
    said = _Said(event_id, format_with_offset(rounded_time(event["eventTime"])), _order(event, prefixes))
    gives, takes = _both_sides(event, prefixes)
    if gives is None:
        if "errorDeclaration" in event:
            return [_void(make, said, event_id, subject.unit_id) for subject in takes]
        return _observed(event, said, takes, prefixes, model, make)
    if "errorDeclaration" in event:
        sides = [("parent", subject) for subject in gives] + [("child", subject) for subject in takes]
        return [_void(make, said, transform_event_id(event_id, role, s.unit_id), s.unit_id) for role, s in sides]
    return _transformed(event, said, gives, takes, prefixes, model, make)


def _both_sides(event: Event, prefixes: Prefixes) -> tuple[list[Subject] | None, list[Subject]]:
    """What gives pieces (None: nothing is split or merged) and what is there or arrives."""
    kind, action = event["type"], event.get("action")
    if kind == "TransformationEvent":
        sides = [
            _subjects(event.get(f"{side}EPCList"), event.get(f"{side}QuantityList"), prefixes)
            for side in ("input", "output")
        ]
        return sides[0], sides[1]
    if kind in ("ObjectEvent", "TransactionEvent"):
        return None, _subjects(event.get("epcList"), event.get("quantityList"), prefixes)
    parent = _subjects([event["parentID"]] if "parentID" in event else None, None, prefixes)
    children = _subjects(event.get("childEPCs"), event.get("childQuantityList"), prefixes)
    if kind == "AssociationEvent":
        return None, _once(parent + children)
    if action == "OBSERVE" or not parent or not children:
        return None, parent or children
    pieces = None if any(child.quantity is None for child in children) else sum(_pieces(children), Decimal(0))
    whole = [parent[0]._replace(quantity=pieces)]
    return (children, whole) if action == "ADD" else (whole, children)


def _pieces(subjects: Iterable[Subject]) -> Iterable[Decimal]:
    return [subject.quantity for subject in subjects if subject.quantity is not None]


def _once(subjects: list[Subject]) -> list[Subject]:
    return list({subject.unit_id: subject for subject in subjects}.values())


def _subjects(epcs: Any, quantities: Any, prefixes: Prefixes) -> list[Subject]:
    """The units among instances and quantities, by name; a kind without lot or serial number is none."""
    amounts: Amounts = {}
    products: dict[str, str | None] = {}
    for name in epcs or ():
        unit, product = _unit(name, prefixes)
        if unit is not None:
            amounts[unit], products[unit] = Decimal(1), product
    for element in quantities or ():
        unit, product = _unit(element["epcClass"], prefixes)
        if unit is not None:
            said = element.get("quantity")
            before = amounts.get(unit, Decimal(0))
            amounts[unit] = None if said is None or before is None else before + Decimal(said)
            products[unit] = product
    if len(amounts) > MOST_UNITS:
        raise BadScan(
            Reason.MALFORMED,
            f"more than {MOST_UNITS} units: send several events",
            f"超过 {MOST_UNITS} 个单元：请分成多个事件",
        )
    return [Subject(unit, amounts[unit], products[unit]) for unit in sorted(amounts)]


def _unit(name: str, prefixes: Prefixes) -> tuple[str | None, str | None]:
    """The unit and its product; a URI that is no GS1 name is a unit of its own."""
    whole = expanded(name, prefixes)
    try:
        elements = read_name(whole)
    except BadGs1:
        return whole, None
    return unit_of(elements), product_of(elements)


def _order(event: Event, prefixes: Prefixes) -> str | None:
    """The production order it names, else the purchase order."""
    named: dict[str, list[str]] = {}
    for each in event.get("bizTransactionList", ()):
        kind = word_of("transaction", word_uri("transaction", each.get("type", ""), prefixes))
        whole = expanded(each["bizTransaction"], prefixes)
        named.setdefault(kind, []).append(canonical_name(whole) or whole)
    for kind in ("prodorder", "po"):
        if kind in named:
            return min(named[kind])
    return None


def _place(event: Event, prefixes: Prefixes, model: PlantModel) -> str | None:
    """The read point of the plant: by the event's readPoint, else by its bizLocation; None where it names neither.

    Raises BadScan where it names places and none of them is known.
    """
    named = [expanded(event[key]["id"], prefixes) for key in ("readPoint", "bizLocation") if key in event]
    for name in named:
        found = model.epcis_places.get(canonical_name(name) or name)
        if found is not None:
            return found
    if named:
        raise BadScan(
            Reason.UNKNOWN_READ_POINT,
            f"/readPoint/id: no read point of plant model version {model.version} has {named[0]!r} in its `epcis`: "
            "add it, then replay",
            f"/readPoint/id：工厂模型第 {model.version} 版中没有采集点的 epcis 含 {named[0]!r}：请先添加，再重放",
        )
    return None


def _action(event: Event, place: str | None, prefixes: Prefixes, model: PlantModel) -> str:
    disposition, step = (
        word_of(kind, word_uri(kind, event[kind], prefixes)) if kind in event else None
        for kind in ("disposition", "bizStep")
    )
    declared = model.epcis_actions
    for kind, word in (("dispositions", disposition), ("biz_steps", step)):
        if word is not None and word in declared.get(kind, {}):
            return declared[kind][word]
    of_place = model.read_points[place].action if place is not None else None
    if of_place is not None:
        return of_place.name.lower()
    if step is not None:
        return STEPS.get(step, "arrive")
    return "scrap" if event.get("action") == "DELETE" and event["type"] == "ObjectEvent" else "arrive"


def _observed(
    event: Event, said: _Said, subjects: list[Subject], prefixes: Prefixes, model: PlantModel, make: Callable[..., Made]
) -> list[Made]:
    if not subjects:
        return []
    place = _place(event, prefixes, model)
    action = _action(event, place, prefixes, model)
    if action == IGNORED or (place is None and action in NEEDS_PLACE):
        return []
    amount = "scrap_quantity" if action == "scrap" else "quantity"
    lots = _lots(event, prefixes)
    return [
        make(
            event_id=said.id, event_time=said.time, unit_id=subject.unit_id, read_point_id=place, action=action,
            product_id=subject.product_id, order_id=said.order,
            **({amount: subject.quantity} if subject.unit_id in lots else {}),
        )
        for subject in subjects
    ]  # fmt: skip


def _lots(event: Event, prefixes: Prefixes) -> set[str | None]:
    """Units whose quantity the event says; of a serial number it is one and needs no saying."""
    lists = ("quantityList", "childQuantityList")
    return {_unit(element["epcClass"], prefixes)[0] for name in lists for element in event.get(name, ())}


def _transformed(
    event: Event, said: _Said, gives: list[Subject], takes: list[Subject], prefixes: Prefixes, model: PlantModel,
    make: Callable[..., Made],
) -> list[Made]:  # fmt: skip
    if not gives and not takes:
        return []
    place = _place(event, prefixes, model)
    if place is None or _action(event, place, prefixes, model) == IGNORED:
        return []
    parents = [subject.unit_id for subject in gives]
    if len(parents) * len(takes) > MOST_UNITS * 10:
        raise BadScan(
            Reason.MALFORMED,
            "too many inputs for so many outputs: send several events",
            "投入与产出数量过多：请分成多个事件",
        )
    common: dict[str, Any] = {"event_time": said.time, "order_id": said.order}
    given = [
        make(
            event_id=transform_event_id(said.id, "parent", subject.unit_id), unit_id=subject.unit_id, action="adjust",
            quantity_delta=-subject.quantity, product_id=subject.product_id, **common,
        )
        for subject in gives
        if subject.quantity
    ]  # fmt: skip
    taken = [
        make(
            event_id=transform_event_id(said.id, "child", subject.unit_id), unit_id=subject.unit_id, action="arrive",
            read_point_id=place, quantity=subject.quantity, product_id=subject.product_id,
            parent_ids=list(parents) or None, **common,
        )
        for subject in takes
    ]  # fmt: skip
    return given + taken


def _void(make: Callable[..., Made], said: _Said, voids: str, unit_id: str) -> Made:
    return make(
        event_id=transform_event_id(voids, "void", unit_id), event_time=said.time, unit_id=unit_id, action="void",
        voids=voids,
    )  # fmt: skip
