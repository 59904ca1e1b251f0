"""What is told of the records of floor.alerts: which of them count, whom they concern, where the partition goes on."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from services.core.equipment import PlantModel
from services.core.notices import AlertVersion, Step, steps


class Record(Protocol):
    """A record of floor.alerts."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


Counted = Callable[[Record, int], tuple[AlertVersion | None, int]]
"""services.adapters.notify_wire.counted in the product."""
Models = Callable[[int], Awaitable[PlantModel]]
"""The plant model of a version, as soon as it is there."""


class Desk:
    """Turns records into steps. Holds nothing but how to look things up."""

    def __init__(self, counted: Counted, model: Models, reaches: Callable[[str], bool]) -> None:
        """`reaches`: is there a channel of this name?"""
        self._counted = counted
        self._model = model
        self._reaches = reaches
        self.refused: list[str] = []
        """Records that are no alerts, since somebody last emptied this."""

    async def plan(self, records: Iterable[Record], epoch: int) -> tuple[list[Step], int]:
        """The steps of records of one partition in their order, and the highest epoch seen after them."""
        found: list[Step] = []
        for record in records:
            try:
                alert, epoch = self._counted(record, epoch)
            except ValueError as error:
                self.refused.append(str(error))
                continue
            if alert is not None and (alert.notify or alert.change == "returned"):
                found += steps(alert, await self._model(alert.model), self._reaches)
        return found, epoch
