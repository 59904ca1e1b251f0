"""The rules of the product (services/core) for one unit, as a keyed operator of another framework can hold them.

The same events are decoded, admitted and folded into the same histories, and the same messages leave for floor.visits,
one per accepted event instead of one per unit and frame. What is left out is ours alone: ledger, windows, partials,
rejects, forwards, marks.
"""

from loadtest.extra.given import Came
from services.adapters.track_wire import decode_event, decode_unit, encode_unit, unit_changed
from services.core.equipment import PlantModel
from services.core.history import History, Verdict
from services.core.log import admit
from services.topology import origin_of

GENERATION = VERSION = 1


class RulesJob:
    """Whole histories, one plant model."""

    new, load, dump = History, staticmethod(decode_unit), staticmethod(encode_unit)

    def __init__(self, model: PlantModel) -> None:
        self._models = {VERSION: model}

    def take(self, history: History, value: bytes, came: Came) -> bytes | None:
        """Fold a record; the visits that it changed. Raises BadScan, which the load has none of."""
        partition, offset, timestamp, headers = came
        origin = origin_of(headers, timestamp * 1000)
        unit_id, scan = admit(decode_event(value), self._models[VERSION], origin.source, origin.recorded)
        if history.accept(scan, self._models) is not Verdict.ACCEPTED:
            return None
        visits, _ = history.take_changes()
        return unit_changed(GENERATION, partition, offset, unit_id, history, visits)
