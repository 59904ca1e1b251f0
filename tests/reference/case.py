"""Builds a hand-computed case from short tables, as data that any implementation of the contract can be run on.

Events, one a line: `minute action [operation] [key=value …]`, or `model VERSION` for a marker; ids are e1, e2 … in
order unless `id=` says otherwise; the unit is `U` unless `u=`. Visits, one a line: `seq operation arrived started
finished departed outcome flags repeats runs queue process wait hold [key=value …]`, minutes throughout, `-` for
empty. Units: `unit status operations phases visits strays [q=…]`. Operations: `operation count=n …`, all others 0.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .instant import microseconds, text

Row = dict[str, Any]
MINUTE = 60_000_000
ZERO = microseconds("2026-11-23T06:00:00Z")
KEYS = {
    "id": "event_id",
    "u": "unit_id",
    "rp": "read_point_id",
    "op": "operation_id",
    "q": "quantity",
    "scrap": "scrap_quantity",
    "delta": "quantity_delta",
    "product": "product_id",
    "order": "order_id",
    "wu": "work_unit_id",
    "operator": "operator_id",
    "time": "event_time",
}


@dataclass(frozen=True)
class Case:
    """One clause of the contract. `bounded`: None where both modes must give this, True where only the bounded."""

    name: str
    models: dict[int, Row]
    log: list[Row]
    visits: list[Row]
    units: list[Row]
    operations: dict[str, dict[str, int]] | None = None
    verdicts: dict[str, str] = field(default_factory=dict)  # "event_id" or "event_id@log index"; others accepted
    bounded: bool | None = None

    @property
    def is_set(self) -> bool:
        """Whether the result may not depend on the order of the log."""
        return self.bounded is None and not self.verdicts and list(self.models) == [1]


def instant(minutes: str) -> int:
    """Minutes after the zero of all cases → µs."""
    return ZERO + round(Decimal(minutes) * MINUTE)


def plant(
    operations: str = "A B C X",
    products: dict[str, str] | None = None,
    presence: str = "single",
    product_presence: dict[str, str] | None = None,
    **tracking: Any,
) -> Row:
    """A plant model: one line with these operations, each with a read point `<op>-IN`; routings `{product: "A B"}`."""
    routings = {"P": "A B C", "Q": "", "R": "C B"} if products is None else products
    names = operations.split()
    points = [{"id": f"{name}-IN", "operation": name, "action": "arrive", "work_unit": f"{name}-1"} for name in names]
    line = {
        "id": "L1",
        "work_units": [f"{name}-1" for name in names],
        "operations": [{"id": name} for name in names],
        "read_points": points,
    }
    named: list[Row] = [{"id": product, "unit_cost": 1} for product in routings]
    for product in named:
        if routings[product["id"]]:
            product["routing"] = routings[product["id"]].split()
        if product["id"] in (product_presence or {}):
            product["presence"] = (product_presence or {})[product["id"]]
    return {
        "tracking": {"presence": presence, **tracking},
        "site": {"id": "SH1", "time_zone": "Asia/Shanghai"},
        "sources": {},
        "areas": [{"id": "SMT", "work_centers": [line]}],
        "products": named,
    }


def events(table: str) -> list[Row]:
    """The log written as a table."""
    log: list[Row] = []
    for line in filter(None, map(str.strip, table.splitlines())):
        words = line.split()
        if words[0] == "model":
            log.append({"model": int(words[1])})
            continue
        number = 1 + sum("model" not in record for record in log)
        event: Row = {"event_id": f"e{number}", "unit_id": "U"}
        positional = [word for word in words if "=" not in word]
        for key, word in zip(("minute", "action", "operation_id"), positional, strict=False):
            if word != "-":
                event[key] = word
        if "minute" in event:
            event["event_time"] = text(instant(event.pop("minute")))
        for key, _, value in (word.partition("=") for word in words if "=" in word):
            if key in ("rec", "dev"):
                event["recorded_time" if key == "rec" else "device_time"] = text(instant(value))
            else:
                event[KEYS.get(key, key)] = value.split(",") if key == "parent_ids" else value
        log.append(event)
    return log


def _optional(word: str) -> int | None:
    return None if word == "-" else instant(word)


def _length(word: str) -> int | None:
    return None if word == "-" else round(Decimal(word) * MINUTE)


def _extras(words: list[str]) -> Row:
    extras: Row = {}
    for key, _, value in (word.partition("=") for word in words):
        name = {"id": "visit_id"}.get(key) or KEYS.get(key, key)
        extras[name] = Decimal(value) if name == "quantity" else None if value == "-" else value
    return extras


def _visit(words: list[str]) -> Row:
    seq, operation, arrived, started, finished, departed, outcome, flags, repeats, runs = words[:10]
    times = {"arrived": arrived, "started": started, "finished": finished, "departed": departed}
    lengths = words[10:14] if outcome != "open" else ["-"] * 4
    row: Row = {"unit_id": "U", "visit_seq": int(seq), "operation_id": operation, "outcome": outcome}
    row |= {name: _optional(word) for name, word in times.items()}
    row |= {"flags": tuple(sorted(flags.split("|"))) if flags != "-" else ()}
    row |= {"repeats": int(repeats), "runs": int(runs)}
    row |= dict(zip(("queue", "process", "wait", "hold"), map(_length, lengths), strict=True))
    row["dwell"] = None if departed == "-" else instant(departed) - instant(arrived)
    return row | _extras(words[14 if outcome != "open" else 10 :])


def _unit(words: list[str]) -> Row:
    unit_id, status, operations, phases, visits, strays = words[:6]
    return {
        "unit_id": unit_id,
        "status": status,
        "operation_id": operations.replace("-", ""),
        "phase": phases.replace("-", ""),
        "visits": int(visits),
        "strays": int(strays),
        **_extras(words[6:]),
    }


def case(
    name: str,
    log: str,
    visits: str = "",
    units: str = "",
    operations: str | None = None,
    verdicts: str = "",
    model: Row | None = None,
    models: dict[int, Row] | None = None,
    bounded: bool | None = None,
) -> Case:
    """One case; a marker of version 1 is put before the log where the log has none."""
    records = events(log)
    if not any("model" in record for record in records):
        records = [{"model": 1}, *records]
    counts: dict[str, dict[str, int]] | None = None if operations is None else {}
    for words in map(str.split, filter(str.strip, (operations or "").splitlines())):
        assert counts is not None
        counts[words[0]] = {key: int(value) for key, _, value in (word.partition("=") for word in words[1:])}
    return Case(
        name=name,
        models=models or {1: model or plant()},
        log=records,
        visits=[_visit(line.split()) for line in visits.splitlines() if line.strip()],
        units=[_unit(line.split()) for line in units.splitlines() if line.strip()],
        operations=counts,
        verdicts=dict(word.split("=") for word in verdicts.split()),
        bounded=bounded,
    )
