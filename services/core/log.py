"""The log folded from its beginning: what `fold`, `verify`, `rebuild` and the question for an event's fate stand on.

One `LogFold` is one partition (or one file): entries go in in log order, the rows of the contract come out. The
stream does the same, frame by frame and with its memory bounded; this keeps everything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.core.equipment import PlantModel
from services.core.errors import BadScan, Reason
from services.core.history import History, Horizon, Verdict
from services.core.resolve import Event, resolve
from services.core.scan import Scan
from services.core.unit import Visit

REFUSALS: Mapping[Verdict, BadScan] = {
    Verdict.TOO_LATE: BadScan(
        Reason.TOO_LATE,
        "the event is older than what is kept of its unit: raise tracking.history_events / history_horizon, or for a "
        "unit finished long ago unit_retention, and rebuild",
        "事件早于该单元保留的历史：请调大 tracking.history_events / history_horizon"
        "（早已完工的单元则为 unit_retention）后重建",
    ),
    Verdict.CONFLICTING_DUPLICATE: BadScan(
        Reason.CONFLICTING_DUPLICATE,
        "another event of this unit has the same event_id with other content: send it under an id of its own",
        "该单元已有相同 event_id 但内容不同的事件：请使用新的 event_id 重新发送",
    ),
}
"""What the two refusals say that only the unit's history can decide."""

NO_PLANT = PlantModel.from_document(
    {
        "tracking": {
            "presence": "single", "max_clock_ahead_us": 1 << 62, "max_clock_skew_us": 0,
            "history_events": 1, "history_horizon_us": 0, "unit_retention_us": 0,
        }
    },
    version=0,
)  # fmt: skip
"""What is in force before the first marker: no operation, no read point."""


def admit(event: Event, model: PlantModel | None, source: str, recorded: int | None) -> tuple[str, Scan]:
    """The unit and the resolved event. Raises BadScan, also for whatever comes before any plant model."""
    if model is not None:
        return resolve(event, model, source, recorded)
    resolve(event, NO_PLANT, source, recorded)
    raise BadScan(
        Reason.UNKNOWN_OPERATION if event.read_point_id is None else Reason.UNKNOWN_READ_POINT,
        "the record came before any plant model was in force: publish one, then replay",
        "记录早于任何生效的工厂模型：请先发布工厂模型，再重放",
    )


@dataclass(slots=True)
class Fate:
    """What became of one event: `refusal` None means accepted or, with `duplicate`, known already.

    `forwarded`: its unit belongs to another partition, where the record was written again; nothing came of this copy.
    """

    unit_id: str | None
    scan: Scan | None
    refusal: BadScan | None = None
    duplicate: bool = False
    forwarded: bool = False


@dataclass(slots=True)
class LogFold:
    """One partition folded: `visits[unit][seq]` and each unit's history after the entries taken so far.

    `is_here` says whether a unit belongs to this partition; None (a file): every unit does.
    """

    models: Mapping[int, PlantModel]
    version: int = 0
    is_here: Callable[[str], bool] | None = None
    histories: dict[str, History] = field(default_factory=dict)
    visits: dict[str, dict[int, Visit]] = field(default_factory=dict)
    horizon: Horizon = field(default_factory=Horizon)

    def marker(self, version: int) -> None:
        """From here on this plant-model version holds; a lower one than that in force is ignored."""
        self.version = max(self.version, version)

    def take(self, event: Event, source: str, recorded: int | None, forwarded_in: bool = False) -> Fate:
        """Take one record in. `forwarded_in`: another partition sent it here, so here it stays."""
        try:
            unit_id, scan = admit(event, self.models.get(self.version), source, recorded)
        except BadScan as refusal:
            return Fate(None, None, refusal)
        history = self.histories.get(unit_id)
        if history is None and not forwarded_in and self.is_here is not None and not self.is_here(unit_id):
            return Fate(unit_id, scan, forwarded=True)
        verdict = history.accept(scan, self.models, self.horizon.at) if history else self._first(unit_id, scan)
        if verdict is Verdict.ACCEPTED:
            self.horizon.advance(scan.time, self.models[scan.model].tracking.unit_retention)
            self._keep(unit_id)
        return Fate(unit_id, scan, REFUSALS.get(verdict), verdict is Verdict.DUPLICATE)

    def _first(self, unit_id: str, scan: Scan) -> Verdict:
        history = History()
        verdict = history.accept(scan, self.models)
        if verdict is Verdict.ACCEPTED:
            self.histories[unit_id] = history
        return verdict

    def _keep(self, unit_id: str) -> None:
        rows = self.visits.setdefault(unit_id, {})
        changed, _ = self.histories[unit_id].take_changes()
        for seq, visit in changed.items():
            if visit is None:
                rows.pop(seq, None)
            else:
                rows[seq] = visit
