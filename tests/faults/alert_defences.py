"""Defences of the alert stage, taken away one at a time to see that the fault tests can fail. Never in the product."""

from collections.abc import Callable
from typing import Any

from services.adapters import alert_log, claims


def _recovery() -> None:
    """A new owner begins with nothing."""

    async def nothing(self: Any, partition: int, epoch: int) -> alert_log.AlertReading:
        return alert_log.AlertReading(epoch)

    alert_log.AlertLog.recover = nothing  # type: ignore[method-assign]


def _pendings() -> None:
    """What is pending is not kept."""
    alert_log.AlertReading._take_pending = lambda self, key, value: None  # type: ignore[method-assign]


def _epochs() -> None:
    """Records of a former owner count."""
    alert_log.AlertReading._counts = lambda self, epoch: True  # type: ignore[method-assign]


def _watch() -> None:
    """What others write is not looked at."""
    claims.Watch.take = lambda self, record: None  # type: ignore[method-assign]


DEFENCES: dict[str, Callable[[], None]] = {
    "recovery": _recovery,
    "pendings": _pendings,
    "epochs": _epochs,
    "watch": _watch,
}


def take_away(names: str) -> None:
    """Take defences away, several joined by +; nothing for an empty text."""
    for name in filter(None, names.split("+")):
        DEFENCES[name]()
