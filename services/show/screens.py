"""What a live stream shows: the board with the alerts on it, or the alerts alone for a phone on a bad network."""

from collections.abc import Mapping
from typing import Any, Protocol

from services.show.alerts import Alerts
from services.show.handler import Board

Document = dict[str, Any]


class Screen(Protocol):
    """Something to watch. `version` changes whenever there is something new."""

    @property
    def version(self) -> int:
        """Of what is shown."""
        ...

    def snapshot(self, now_us: int) -> Document:
        """Everything."""
        ...

    def changes(self, now_us: int) -> Document | None:
        """What has changed since the last call; None if everything must be sent again."""
        ...

    def heartbeat(self, now_us: int) -> Document:
        """That the stream lives, and up to when what it says is known to hold."""
        ...


class _WithAlerts:
    """The part of a screen that shows alerts."""

    def __init__(self, board: Board, alerts: Alerts) -> None:
        self._board = board
        self._alerts = alerts
        self._told = alerts.version

    @property
    def version(self) -> int:
        """Of both."""
        return self._board.version + self._alerts.version

    def _open(self) -> Document:
        return {"alerts": self._alerts.listed(), "teams": self._alerts.teams()}

    def _judged(self) -> Document:
        return {"judged_until_us": self._alerts.judged_until_us()}

    def _news(self) -> list[Document] | None:
        told, self._told = self._told, self._alerts.version
        return self._alerts.changed_since(told)


class Wall(_WithAlerts):
    """The board and the alerts."""

    def snapshot(self, now_us: int) -> Document:
        """Everything."""
        return {**self._board.snapshot(now_us), **self._judged(), **self._open()}

    def changes(self, now_us: int) -> Document | None:
        """What has changed since the last call; None if everything must be sent again."""
        floor, alerts = self._board.changes(now_us), self._news()
        return None if floor is None or alerts is None else {**floor, **self._judged(), "alerts": alerts}

    def heartbeat(self, now_us: int) -> Document:
        """Up to when the numbers are known to hold, and up to when the alerts are judged."""
        return {**self._board.heartbeat(now_us), **self._judged()}


class Phone(_WithAlerts):
    """The alerts alone."""

    @property
    def version(self) -> int:
        """Of the alerts: a phone is not told that a unit moved on."""
        return self._alerts.version

    def snapshot(self, now_us: int) -> Document:
        """Everything."""
        site = self._board.model.document.get("site") if self._board.model else None
        return {**self.heartbeat(now_us), "stale_after_us": self._board.stale_after_us, "site": site, **self._open()}

    def changes(self, now_us: int) -> Document | None:
        """What has changed since the last call; None if everything must be sent again."""
        alerts = self._news()
        return None if alerts is None else {**self.heartbeat(now_us), "alerts": alerts}

    def heartbeat(self, now_us: int) -> Document:
        """Up to when alerts are judged by what is known of the floor; null where some of it has never been heard of."""
        until = [*_held_until(self._board.heartbeat(now_us)), self._alerts.judged_until_us()]
        known = [us for us in until if us is not None]
        return {"now_us": now_us, "confirmed_us": min(known) if len(known) == len(until) else None}


def _held_until(heartbeat: Mapping[str, Any]) -> list[int | None]:
    limit = heartbeat["true_until_us"]
    return [*heartbeat["confirmed_us"], *([] if limit is None else [limit])]
