"""Schedules of B2MML → production orders.

    OperationsSchedule / OperationsRequest     the ERP's schedule
    WorkSchedule       / WorkRequest           the MES's schedule
    ProductionSchedule / ProductionRequest     the same before V0700, read by its names

Bare, or in a message Process…, Sync…, Change… or Cancel…. One request is one order:

    ID → order_id                   StartTime, else the earliest EarliestStartTime → release
    Priority → priority             EndTime, else the latest LatestEndTime → due
    the MaterialRequirement with MaterialUse Produced → product_id (MaterialDefinitionID), quantity
    RequestState Cancelled or Aborted, or a message Cancel… → the order is cancelled

Segments with their equipment, people and consumed material are not kept: the way of a product is the plant model's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from services.core.b2mml import Element, Unfit, version_of

REQUESTS = {
    "OperationsSchedule": "OperationsRequest",
    "WorkSchedule": "WorkRequest",
    "ProductionSchedule": "ProductionRequest",
}
VERBS = ("Process", "Sync", "Change", "Cancel")
OTHER_VERBS = ("Get", "Show", "Acknowledge", "Respond")
_TAKEN = "OperationsSchedule, WorkSchedule or ProductionSchedule, bare or as Process…, Sync…, Change… or Cancel…"
_TAKEN_ZH = "OperationsSchedule、WorkSchedule 或 ProductionSchedule（可带 Process、Sync、Change、Cancel 前缀）"
_PRODUCED = ("Produced", "Material Produced", "Yield Produced")
_GONE = ("Cancelled", "Aborted")
_SEGMENTS = ("SegmentRequirement", "SegmentRequirementChild", "JobOrder", "WorkRequestChild")

ReadTime = Callable[[str], str]
"""xsd:dateTime → RFC 3339 with an offset; raises ValueError with a short clause where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Note:
    """What was read but is not kept, or read otherwise than it says."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Draft:
    """An order as a request says it, not yet judged. `said`: where each field stands. `gaps_known`: what is left out
    is what the order has already."""

    at: Element
    fields: dict[str, str]
    said: dict[str, Element]
    cancelled: bool
    gaps_known: bool
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """A document: its requests in their order, and what holds for all of them."""

    verb: str
    version: str
    requests: tuple[Element, ...]
    notes: tuple[Note, ...] = field(default=())


def schedule_of(root: Element) -> Schedule:
    """The requests of a document. Raises Unfit where it is no schedule."""
    version = version_of(root.namespace)
    if version is None:
        raise Unfit(
            root,
            f"the namespace {root.namespace!r} is no B2MML: expected http://www.mesa.org/xml/B2MML",
            f"命名空间 {root.namespace!r} 不是 B2MML：应为 http://www.mesa.org/xml/B2MML",
        )
    verb, noun = _verb(root)
    requests = [root] if noun in REQUESTS.values() else list(_requests(root, verb, noun))
    if not requests:
        name = REQUESTS[noun]
        raise Unfit(root, f"holds no {name}", f"其中没有 {name}")
    older = Note(f"written in B2MML {version}: read by its names", f"以 B2MML {version} 编写：按元素名称读取")
    return Schedule(verb, version, tuple(requests), () if version == "V0700" else (older,))


def _verb(root: Element) -> tuple[str, str]:
    for noun in (*REQUESTS, *REQUESTS.values()):
        verb = root.name.removesuffix(noun)
        if verb == root.name:
            continue
        if not verb or (verb in VERBS and noun in REQUESTS):
            return verb, noun
        if verb in OTHER_VERBS:
            raise Unfit(
                root,
                f"a message {verb}… brings no orders: expected Process, Sync, Change or Cancel",
                f"{verb}… 报文不包含订单：应为 Process、Sync、Change 或 Cancel",
            )
    raise Unfit(root, f"brings no orders: expected {_TAKEN}", f"不包含订单：应为 {_TAKEN_ZH}")


def _requests(root: Element, verb: str, noun: str) -> Iterator[Element]:
    schedules = [root] if not verb else [each for area in root.all("DataArea") for each in area.all(noun)]
    while schedules:
        schedule = schedules.pop(0)
        yield from schedule.all(REQUESTS[noun])
        schedules += schedule.all(f"{noun}Child")


def draft_of(request: Element, verb: str, read_time: ReadTime) -> Draft:
    """The order of a request. Raises Unfit."""
    order_id = request.value("ID")
    if order_id is None:
        raise Unfit(request, "has no ID: expected the order's", "缺少 ID：应为订单编号")
    fields, said = {"order_id": order_id.text.strip()}, {"order_id": order_id}
    state = request.value("RequestState") or request.value("RequestState1")
    cancelled = verb == "Cancel" or (state is not None and state.text.strip() in _GONE)
    levels = list(_levels(request))
    notes: list[Note] = []
    gaps_known = cancelled or verb == "Change"
    _take_product(request, levels, gaps_known, fields, said, notes)
    _take_times(request, levels, read_time, fields, said)
    if (priority := request.value("Priority")) is not None:
        fields["priority"], said["priority"] = priority.text.strip(), priority
    return Draft(request, fields, said, cancelled, gaps_known, tuple(notes))


def _levels(request: Element) -> Iterator[list[Element]]:
    """Its segments or jobs, level by level from the top."""
    level = request.all(*_SEGMENTS)
    while level:
        yield level
        level = [child for segment in level for child in segment.all(*_SEGMENTS)]


def _take_product(
    request: Element, levels: list[list[Element]], gaps_known: bool, fields: dict[str, str],
    said: dict[str, Element], notes: list[Note],
) -> None:  # fmt: skip
    """What is produced on the topmost level that says so: one product; of several quantities the last segment's."""
    made = next((found for level in levels if (found := list(_produced(level)))), [])
    for requirement, definition in made:
        product_id = definition.text.strip()
        if fields.setdefault("product_id", product_id) != product_id:
            raise Unfit(
                definition,
                f"an order makes one product, this one {fields['product_id']!r} already: send one request for each",
                f"每个订单只生产一种产品，此前已有 {fields['product_id']!r}：请分别提交请求",
            )
        said.setdefault("product_id", definition)
        quantity = requirement.first("Quantity")
        if quantity is not None and (text := quantity.value("QuantityString")) is not None:
            fields["quantity"], said["quantity"] = text.text.strip(), text
            _note_unit(quantity, notes)
    if gaps_known:
        return
    if "product_id" not in fields:
        raise Unfit(
            request,
            "names no product: expected a MaterialRequirement with MaterialUse Produced and a MaterialDefinitionID",
            "未指明产品：应有 MaterialUse 为 Produced 且带 MaterialDefinitionID 的 MaterialRequirement",
        )
    if "quantity" not in fields:
        raise Unfit(made[-1][0], "has no Quantity/QuantityString", "缺少 Quantity/QuantityString")


def _produced(level: list[Element]) -> Iterator[tuple[Element, Element]]:
    for segment in level:
        for requirement in segment.all("MaterialRequirement"):
            use, definition = requirement.value("MaterialUse"), requirement.value("MaterialDefinitionID")
            if use is not None and definition is not None and use.text.strip() in _PRODUCED:
                yield requirement, definition


def _note_unit(quantity: Element, notes: list[Note]) -> None:
    unit = quantity.value("UnitOfMeasure")
    if unit is not None:
        name = unit.text.strip()[:40]
        note = Note(f"the unit of measure {name!r} is not kept", f"不保存计量单位 {name!r}")
        notes[:] = [note]


def _take_times(
    request: Element, levels: list[list[Element]], read_time: ReadTime, fields: dict[str, str], said: dict[str, Element]
) -> None:
    segments = [segment for level in levels for segment in level]
    for name, own, inner, choose in (
        ("release", "StartTime", "EarliestStartTime", min), ("due", "EndTime", "LatestEndTime", max)
    ):  # fmt: skip
        found = [at for each in [request] if (at := each.value(own)) is not None] or [
            at for segment in segments if (at := segment.value(inner) or segment.value(own)) is not None
        ]
        times = [(_read(at, read_time), at) for at in found]
        if times:
            fields[name], said[name] = choose(times, key=lambda time: time[0])


def _read(at: Element, read_time: ReadTime) -> str:
    try:
        return read_time(at.text.strip())
    except ValueError as bad:
        raise Unfit(
            at,
            f"{bad} (for times without offset see sources.NAME.time_zone in the plant model)",
            "应为带时区偏移的时间（无偏移的时间请在工厂模型中设置 sources.NAME.time_zone）",
        ) from None
