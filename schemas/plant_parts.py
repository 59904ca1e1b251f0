"""Parts of the plant model that other systems keep: products, their routings, calendars, targets of operations.

    canonical document ─nested─► plant file ─a part put in or taken out─► linter ─► canonical document

Only the part changes; all the rest stays as it is, to the letter. What the linter says against the whole stands with
the part it was said of.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.plant import PlantError, checked
from schemas.plant_canonical import Document, nested
from schemas.plant_lines import Lines, Path, Problem, key_of
from schemas.plant_values import duration_text
from schemas.text import clean

Part = Mapping[str, Any]
Whole = dict[str, Any]
"""The plant file as a plain value, all scalars text."""


class Unknown(Exception):
    """The part is of something that the plant does not have: `en` and `zh` name it."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a part is to be. `said` None: gone."""

    id: str
    said: Part | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a part cannot be so. `problems`: keys are those of the part, or of the plant file where it does not fit."""

    problems: tuple[Problem, ...]
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """The canonical document afterwards, and what was refused of it, by the place in the request."""

    document: Document
    refused: dict[int, Refusal]


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of part. `keys`: what one says beside its id; `section`: of the canonical document."""

    name: str
    section: str
    keys: tuple[str, ...]
    shown: Callable[[Document], dict[str, Part]]
    put: Callable[[Whole, Wanted], tuple[Path, Mapping[str, str]]]
    """Changes the plant file; where the part now stands, () where it is gone, and keys that are called otherwise
    there."""
    needed: str | None = None


def change(model: Document, family: Family, wanted: Sequence[Wanted]) -> Changed:
    """The model with these parts. Those that the linter speaks against are left out of it."""
    refused: dict[int, Refusal] = {}
    while len(refused) < len(wanted):
        whole = as_read(nested(model))
        places: dict[int, tuple[str, Mapping[str, str]]] = {}
        for index, each in enumerate(wanted):
            if index in refused:
                continue
            known = _refusal(family, each, [one.id for one in wanted[:index]])
            try:
                path, other = family.put(whole, each) if known is None else ((), {})
            except Unknown as unknown:
                known = Refusal((_problem("id", unknown.en, unknown.zh),), unknown=True)
            if known is None:
                places[index] = (key_of(path), other)
            else:
                refused[index] = known
        try:
            loaded = checked(Lines(whole))
        except PlantError as error:
            refused |= _told(error.problems, places)
        else:
            return Changed({**model, family.section: loaded[family.section]}, refused)
    return Changed(model, refused)


def as_read(value: Any) -> Any:
    """A plain value as the reader of plant files gives it: scalars are text."""
    if isinstance(value, Mapping):
        return {clean(str(key)): as_read(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_read(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else clean(str(value))


def _problem(key: str, en: str, zh: str) -> Problem:
    return Problem(1, 1, key, en, zh)


def _refusal(family: Family, wanted: Wanted, before: Sequence[str]) -> Refusal | None:
    """What speaks against a part before it is put in."""
    if wanted.id in before:
        twice = f"`{wanted.id}` is in this request twice", f"“{wanted.id}”在本次请求中出现两次"
        return Refusal((_problem("id", *twice),))
    known = ", ".join(family.keys)
    other = [key for key in wanted.said or () if key not in family.keys]
    problems = [_problem(key, f"unknown key; known keys: {known}", f"未知的键；可用的键：{known}") for key in other]
    if wanted.said is not None and family.needed and wanted.said.get(family.needed) is None:
        problems.append(_problem(family.needed, "is required", "必须填写"))
    return Refusal(tuple(problems)) if problems else None


def _told(problems: Sequence[Problem], places: Mapping[int, tuple[str, Mapping[str, str]]]) -> dict[int, Refusal]:
    """Each part with what is said of it. What is said of none speaks against all of them: one must have caused it."""
    found: dict[int, list[Problem]] = {}
    for problem in problems:
        inside = [index for index, (place, _) in places.items() if _is_in(problem.key, place)]
        if inside:
            index = max(inside, key=lambda each: len(places[each][0]))
            place, other = places[index]
            key = problem.key.removeprefix(place).lstrip(".") or "id"
            name = next((name for name in other if _is_in(key, name)), "")
            key = other.get(name, "") + key.removeprefix(name)
            found.setdefault(index, []).append(_problem(key, problem.en, problem.zh))
    if not found:
        elsewhere = tuple(_problem(problem.key, problem.en, problem.zh) for problem in problems)
        return dict.fromkeys(places, Refusal(elsewhere))
    return {index: Refusal(tuple(said)) for index, said in found.items()}


def _is_in(key: str, place: str) -> bool:
    """Is this the key of what stands at the place, or of something in it?"""
    return key == place or key.startswith((f"{place}.", f"{place}["))


def _products(model: Document) -> dict[str, Part]:
    return {each["id"]: {key: item for key, item in each.items() if item} for each in model["products"]}


def _routings(model: Document) -> dict[str, Part]:
    return {
        each["id"]: {"id": each["id"], "operations": each["routing"]} for each in model["products"] if each["routing"]
    }


def _calendars(model: Document) -> dict[str, Part]:
    return {name: {"id": name, **calendar} for name, calendar in nested(model).get("calendars", {}).items()}


def _targets(model: Document) -> dict[str, Part]:
    shown: dict[str, Part] = {}
    for each in model["operations"]:
        times = {key: each[f"{key}_us"] for key in ("dwell_limit", "standard_time")}
        said = {"id": each["id"], **{key: each[key] for key in ("wip_limit", "wip_min", "dwell_limit_clock")}}
        said |= {key: None if us is None else duration_text(us) for key, us in times.items()}
        shown[each["id"]] = {key: item for key, item in said.items() if item is not None}
    return shown


def _put_product(whole: Whole, wanted: Wanted) -> tuple[Path, Mapping[str, str]]:
    """Where it does not say a routing, the one that it has stays: that may be another system's."""
    products = whole.setdefault("products", [])
    index = next((at for at, each in enumerate(products) if each["id"] == wanted.id), len(products))
    if wanted.said is None:
        _known(wanted.id, index < len(products), "product", "产品")
        del products[index]
        return (), {}
    before = products[index] if index < len(products) else {}
    kept = {"routing": before["routing"]} if "routing" in before else {}
    products[index : index + 1] = [{"id": wanted.id, **kept, **wanted.said}]
    return ("products", index), {}


def _put_routing(whole: Whole, wanted: Wanted) -> tuple[Path, Mapping[str, str]]:
    products = whole.get("products", [])
    index = next((at for at, each in enumerate(products) if each["id"] == wanted.id), None)
    _known(wanted.id, index is not None, "product", "产品")
    assert index is not None
    products[index].pop("routing", None)
    if wanted.said is not None:
        products[index]["routing"] = wanted.said.get("operations")
    return ("products", index), {"routing": "operations"}


def _put_calendar(whole: Whole, wanted: Wanted) -> tuple[Path, Mapping[str, str]]:
    calendars = whole.setdefault("calendars", {})
    if wanted.said is not None:
        calendars[wanted.id] = dict(wanted.said)
        return ("calendars", wanted.id), {}
    _known(wanted.id, wanted.id in calendars, "calendar", "日历")
    del calendars[wanted.id]
    return (), {}


def _put_targets(whole: Whole, wanted: Wanted) -> tuple[Path, Mapping[str, str]]:
    for a, area in enumerate(whole["areas"]):
        for c, center in enumerate(area.get("work_centers", ())):
            for o, operation in enumerate(center.get("operations", ())):
                if operation["id"] == wanted.id:
                    for key in TARGETS.keys:
                        operation.pop(key, None)
                    operation.update(wanted.said or {})
                    return ("areas", a, "work_centers", c, "operations", o), {}
    raise Unknown(f"there is no operation `{wanted.id}`", f"没有工序“{wanted.id}”")


def _known(name: str, there: bool, what: str, zh: str) -> None:
    if not there:
        raise Unknown(f"there is no {what} `{name}`", f"没有{zh}“{name}”")


PRODUCTS = Family("products", "products", ("unit_cost", "currency", "routing", "presence"), _products, _put_product)
ROUTINGS = Family("routings", "products", ("operations",), _routings, _put_routing, "operations")
CALENDARS = Family("calendars", "calendars", ("week", "shifts", "exceptions"), _calendars, _put_calendar)
TARGETS = Family(
    "targets", "operations", ("wip_limit", "wip_min", "dwell_limit", "dwell_limit_clock", "standard_time"),
    _targets, _put_targets,
)  # fmt: skip
