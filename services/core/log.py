"""The log folded from its beginning: what `fold`, `verify`, `rebuild` and the question for an event's fate stand on.

One `LogFold` is one partition (or one file): entries go in in log order, the rows of the contract come out. The
stream does the same, frame by frame and with its memory bounded; this keeps everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.core.equipment import PlantModel
from services.core.errors import BadScan, Reason
from services.core.history import History, Verdict
from services.core.resolve import Event, resolve
from services.core.scan import Scan
from services.core.unit import Visit

REFUSALS: Mapping[Verdict, BadScan] = {
    Verdict.TOO_LATE: BadScan(
        Reason.TOO_LATE,
        "the event is older than what is kept of its unit: raise tracking.history_events / history_horizon and rebuild",
        "事件早于该单元保留的历史:请调大 tracking.history_events / history_horizon 后重建",
    ),
    Verdict.CONFLICTING_DUPLICATE: BadScan(
        Reason.CONFLICTING_DUPLICATE,
        "another event of this unit has the same event_id with other content: send it under an id of its own",
        "该单元已有相同 event_id 但内容不同的事件:请使用新的 event_id 重新发送",
    ),
}
"""What the two refusals say that only the unit's history can decide."""

NO_MODEL = BadScan(
    Reason.UNKNOWN_OPERATION,
    "the record came before any plant model was in force: publish one, then replay",
    "记录早于任何生效的工厂模型:请先发布工厂模型,再重放",
)
NO_MODEL_READ_POINT = BadScan(Reason.UNKNOWN_READ_POINT, NO_MODEL.en, NO_MODEL.zh)


def before_any_model(event: Event) -> BadScan:
    """The refusal of a record that no plant-model version holds for."""
    return NO_MODEL if event.read_point_id is None else NO_MODEL_READ_POINT


@dataclass(slots=True)
class Fate:
    """What became of one event: `refusal` None means accepted or, with `duplicate`, known already."""

    unit_id: str | None
    scan: Scan | None
    refusal: BadScan | None = None
    duplicate: bool = False


@dataclass(slots=True)
class LogFold:
    """One partition folded: `visits[unit][seq]` and each unit's history after the entries taken so far."""

    models: Mapping[int, PlantModel]
    version: int = 0
    histories: dict[str, History] = field(default_factory=dict)
    visits: dict[str, dict[int, Visit]] = field(default_factory=dict)

    def marker(self, version: int) -> None:
        """From here on this plant-model version holds; a lower one than that in force is ignored."""
        self.version = max(self.version, version)

    def take(self, event: Event, source: str, recorded: int | None) -> Fate:
        """Take one record in."""
        model = self.models.get(self.version)
        try:
            if model is None:
                raise before_any_model(event)
            unit_id, scan = resolve(event, model, source, recorded)
        except BadScan as refusal:
            return Fate(None, None, refusal)
        history = self.histories.get(unit_id)
        verdict = history.accept(scan, self.models) if history else self._first(unit_id, scan)
        if verdict is Verdict.ACCEPTED:
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
