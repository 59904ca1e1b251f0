"""What is shown of each operation, and how old it is: the newest states, the plant model, the changes since.

A state replaces the one before it unless its coverage lies behind: then a worker wrote it that had lost its place.

How old is a number? An operation is written again whenever something of it has changed, and the plant's totals at
least every 10 s, by workers who take over from each other. So what was read before is known to hold up to the newest
`as_of_us` of its own partition of floor.operations, and up to that of the plant's totals: of those in its own partition
where there are such, else of any; but not beyond what is counted of the log of scans (lag.py). Once that is further
back than `stale_after_us`, the number is stale: whoever writes it, or counts scans for it, has gone quiet.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.core.equipment import Operation, PlantModel
from services.core.identity import partition_of
from services.show.lag import ScanLog
from services.show.work_units import WorkUnits

State = Mapping[str, Any]
"""An OperationState or PlantState of the contract, as JSON."""
Document = dict[str, Any]

STALE_AFTER_US = 30_000_000
OLDEST_LIVE = 5
LIVE_WINDOW = ("departures", "throughput_per_h", "dwell_us")
COUNTS = ("wip", "queued", "running", "finished", "held", "arrivals", "departures", "completed", "scrapped", "rework")
_NAMELESS = {"en": "", "zh": ""}


class Board:
    """The newest state of every operation and of the plant."""

    def __init__(self, partitions: int, stale_after_us: int = STALE_AFTER_US) -> None:
        """`partitions` of floor.operations."""
        self.stale_after_us = stale_after_us
        self.model: PlantModel | None = None
        self.version = 0
        self._newest: list[int | None] = [None] * partitions
        self._totals: dict[int, int] = {}
        self._scans = ScanLog()
        self._work_units = WorkUnits()
        self._states: dict[str, tuple[int, State]] = {}
        self._plant: tuple[int, State] | None = None
        self._changed: set[str] = set()
        self._plant_changed = False
        self._reshaped = False

    def take_operation(self, partition: int, state: State) -> None:
        """A state of an operation from this partition."""
        self._confirm(partition, state)
        operation_id = state["operation_id"]
        kept = self._states.get(operation_id)
        if kept is not None and is_behind(state["coverage"], kept[1]["coverage"]):
            return
        self._states[operation_id] = (partition, state)
        self._changed.add(operation_id)
        self.version += 1

    def take_plant(self, partition: int, state: State) -> None:
        """The plant's totals from this partition."""
        self._confirm(partition, state)
        self._totals[partition] = max(state["as_of_us"], self._totals.get(partition, 0))
        if self._plant is not None and is_behind(state["coverage"], self._plant[1]["coverage"]):
            return
        self._plant = (partition, state)
        self._plant_changed = True
        self.version += 1

    def take_work_unit(self, state: State) -> None:
        """A state of a work unit."""
        self._work_units.take(state)
        self.version += 1

    def forget_work_units(self, partition: int) -> None:
        """The log of this partition of work units has begun anew."""
        self._work_units.forget(partition)
        self._reshape()

    def work_units(self, now_us: int) -> Document:
        """All work units."""
        return {"now_us": now_us, "work_units": self._work_units.listed(self.model)}

    def take_ends(self, ends: Mapping[int, int], now_us: int) -> None:
        """How far the partitions of floor.scans have come."""
        self._scans.note(ends, now_us)

    def take_model(self, model: PlantModel) -> None:
        """A version of the plant model; an older one than the present is passed over."""
        if self.model is not None and model.version <= self.model.version:
            return
        self.model = model
        self._reshape()

    def forget(self, partition: int) -> None:
        """The log of this partition has begun anew: nothing known from it holds."""
        self._states = {op: kept for op, kept in self._states.items() if kept[0] != partition}
        if self._plant is not None and self._plant[0] == partition:
            self._plant = None
        self._newest[partition] = None
        self._scans.forget()
        self._totals.pop(partition, None)
        self._reshape()

    def _reshape(self) -> None:
        self._reshaped = True
        self.version += 1

    def _confirm(self, partition: int, state: State) -> None:
        self._newest[partition] = max(state["as_of_us"], self._newest[partition] or 0)
        self.version += 1

    def _confirmed(self) -> list[int | None]:
        """Per partition up to when what was read from it is known to hold."""
        anywhere = max(self._totals.values(), default=None)
        return [
            _latest(newest, None if partition in self._totals else anywhere)
            for partition, newest in enumerate(self._newest)
        ]

    def operations(self, now_us: int) -> Document:
        """Everything: plant, areas, work centers and all operations in the order of the plant file, zeros included."""
        return self._everything(now_us, live=False)

    def snapshot(self, now_us: int) -> Document:
        """Everything, as a client of the live stream gets it first."""
        return self._everything(now_us, live=True)

    def _everything(self, now_us: int, live: bool) -> Document:
        document = self.model.document if self.model else {}
        return {
            "now_us": now_us,
            "stale_after_us": self.stale_after_us,
            "confirmed_us": self._confirmed(),
            "true_until_us": self._true_until(now_us),
            "model_version": self.model.version if self.model else None,
            "site": document.get("site"),
            "areas": [_named(area) for area in document.get("areas", ())],
            "work_centers": [_named(center) for center in document.get("work_centers", ())],
            "plant": self._plant_entry(now_us),
            "operations": [self._entry(operation, now_us, live) for operation in self._listed()],
            **({"work_units": self._work_units.listed(self.model)} if live else {}),
        }

    def changes(self, now_us: int) -> Document | None:
        """What has changed since the last call; None if everything must be sent again. May hold nothing new."""
        changed, self._changed = self._changed, set()
        plant, self._plant_changed = self._plant_changed, False
        reshaped, self._reshaped = self._reshaped, False
        work_units = self._work_units.changes()
        if reshaped:
            return None
        return {
            **self.heartbeat(now_us),
            "plant": self._plant_entry(now_us) if plant else None,
            "operations": [{"operation_id": op, "state": live_state(self._states[op][1])} for op in sorted(changed)],
            "work_units": work_units,
        }

    def heartbeat(self, now_us: int) -> Document:
        """That the stream lives, and up to when the numbers are known to hold: per partition, and all of them."""
        return {"now_us": now_us, "confirmed_us": self._confirmed(), "true_until_us": self._true_until(now_us)}

    def _true_until(self, now_us: int) -> int | None:
        return None if self._plant is None else self._scans.true_until_us(self._plant[1]["coverage"], now_us)

    def _listed(self) -> list[Operation]:
        """The operations of the model, then those it no longer has while units are still there."""
        of_model = self.model.operations if self.model else {}
        left = sorted(op for op, (_, state) in self._states.items() if op not in of_model and state["wip"])
        return [*of_model.values(), *(Operation(op, op, op, "", "") for op in left)]

    def _entry(self, operation: Operation, now_us: int, live: bool) -> Document:
        partition, state = self._state_of(operation.id)
        return {
            "operation_id": operation.id,
            "name": {"en": operation.name_en, "zh": operation.name_zh},
            "area": operation.area,
            "work_center": operation.work_center,
            "wip_limit": operation.wip_limit,
            "wip_min": operation.wip_min,
            "dwell_limit_us": operation.dwell_limit,
            "dwell_limit_clock": operation.dwell_limit_clock,
            "in_model": self.model is not None and operation.id in self.model.operations,
            "partition": partition,
            **self._age(partition, state["as_of_us"], now_us),
            "state": live_state(state) if live else state,
        }

    def _state_of(self, operation_id: str) -> tuple[int, State]:
        kept = self._states.get(operation_id)
        if kept is not None:
            return kept
        partition = partition_of(operation_id, len(self._newest))
        return partition, nothing(operation_id, self._newest[partition])

    def _plant_entry(self, now_us: int) -> Document | None:
        if self._plant is None:
            return None
        partition, state = self._plant
        return {"partition": partition, **self._age(partition, state["as_of_us"], now_us), "state": state}

    def _age(self, partition: int, as_of_us: int | None, now_us: int) -> Document:
        confirmed, limit = _latest(as_of_us, self._confirmed()[partition]), self._true_until(now_us)
        if confirmed is not None and limit is not None:
            confirmed = min(confirmed, limit)
        age_us = None if confirmed is None else max(0, now_us - confirmed)
        return {
            "as_of_us": as_of_us,
            "confirmed_us": confirmed,
            "age_s": None if age_us is None else age_us / 1_000_000,
            "stale": age_us is None or age_us > self.stale_after_us,
        }


def is_behind(coverage: Mapping[str, Sequence[int]], kept: Mapping[str, Sequence[int]]) -> bool:
    """Does the coverage reach less far than the kept one in some partition, and further in none?"""
    nothing_yet = (0, -1)
    both = [
        (tuple(coverage.get(p, nothing_yet)), tuple(kept.get(p, nothing_yet))) for p in coverage.keys() | kept.keys()
    ]
    return any(new < old for new, old in both) and not any(new > old for new, old in both)


def live_state(state: State) -> Document:
    """A state without what no board shows, because a thousand clients get it several times a second."""
    kept = {name: value for name, value in state.items() if name not in ("coverage", "oldest", "windows", "value")}
    windows = {name: {key: window[key] for key in LIVE_WINDOW} for name, window in state["windows"].items()}
    return {**kept, "oldest": state["oldest"][:OLDEST_LIVE], "windows": windows}


def nothing(operation_id: str, as_of_us: int | None) -> State:
    """The state of an operation that no unit has visited."""
    return {
        "operation_id": operation_id, "as_of_us": as_of_us, **dict.fromkeys(COUNTS, 0), "quantity": "0", "value": "0",
        "oldest": [], "over_dwell_limit": None, "over_dwell_limit_is_least": False, "last_departure_us": None,
        "backfilled": 0, "counted": None, "windows": {}, "coverage": {}, "newest_event_us": None,
    }  # fmt: skip


def _latest(*instants: int | None) -> int | None:
    return max((us for us in instants if us is not None), default=None)


def _named(thing: Mapping[str, Any]) -> Document:
    return {"id": thing["id"], "name": thing.get("name") or _NAMELESS}
