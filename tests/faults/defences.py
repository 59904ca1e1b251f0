"""Defences of the track stage, taken away one at a time to see that the fault tests can fail. Never in the product."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from faust.transport.consumer import ThreadDelegateConsumer

from services.adapters import changelog, claims, frames
from services.track import app, owned
from services.track.handler import Lane


def _state_before_outputs() -> None:
    """The changelog is written and the frame acknowledged before the outputs are even sent."""
    send = owned.Owned._send

    async def late(self: owned.Owned, effects: Any) -> list[Any]:
        async def after() -> None:
            await asyncio.sleep(0.2)
            for ack in await send(self, effects):
                await ack

        return [] if effects.accepted == 0 else [_done(asyncio.ensure_future(after()))]

    owned.Owned._send = late  # type: ignore[method-assign]


def _done(task: Any) -> Any:
    _KEEP.append(task)
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


_KEEP: list[Any] = []


def _state_without_offset() -> None:
    """The state does not know which source offset it includes: a repeated frame is folded again."""
    recover = Lane.recover
    Lane.recover = lambda self, offset, epoch: recover(self, -1, epoch)  # type: ignore[method-assign]
    owned.Owned.hole_before = lambda self, frame, stale: False  # type: ignore[method-assign]


def _epochs() -> None:
    """Records of a former owner count."""
    take = changelog._Reading.take

    def credulous(self: Any, record: Any) -> None:
        take(self, record)
        self.epoch = -1

    changelog._Reading.take = credulous  # type: ignore[method-assign]
    changelog._Reading._mark = lambda self, record, offset, follows: setattr(self, "offset", offset)  # type: ignore


def _recovery() -> None:
    """A new owner starts from where the group has committed, with whatever it finds: nothing."""

    async def nothing(self: Any, partition: int, epoch: int, table: Any) -> changelog.Recovered:
        return changelog.Recovered(epoch)

    changelog.Changelog.recover = nothing  # type: ignore[method-assign]
    owned.Owned.require_state = lambda self, committed: None  # type: ignore[method-assign]
    owned.Owned.hole_before = lambda self, frame, stale: False  # type: ignore[method-assign]


def _chain() -> None:
    """A state batch may follow anything."""
    changelog._Reading._mark = lambda self, record, offset, follows: setattr(self, "offset", offset)  # type: ignore


def _end_at_an_exception() -> None:
    """An exception leaves the agent, as in any Faust app."""

    def leave(error: BaseException) -> None:
        raise error

    app.end_process = leave  # type: ignore[assignment]


def _acknowledgements() -> None:
    """What was handed to the producer counts as done."""
    write = changelog.Changelog.write

    async def hasty(self: Any, *batch: Any) -> Any:
        _KEEP.append(await write(self, *batch))
        future = asyncio.get_running_loop().create_future()
        future.set_result(SimpleNamespace(offset=0))
        return future

    async def at_once(acks: Sequence[Any]) -> None:
        _KEEP.extend(acks)

    changelog.Changelog.write = hasty  # type: ignore[method-assign]
    owned.acknowledged = at_once  # type: ignore[attr-defined]


def _gate() -> None:
    """Records are fetched while the group deals anew, and then cleared by Faust: the hole must be seen and healed."""
    frames.FrameConsumer._getmany = ThreadDelegateConsumer._getmany  # type: ignore[method-assign]


def _every_fetch() -> None:
    """Every third fetched partition is lost, as when Faust clears what it fetched during a rebalance."""
    fetch, count = frames.FrameClient._fetch_records, itertools.count(1)

    async def lose(self: Any, *arguments: Any, **named: Any) -> Any:
        taken = await fetch(self, *arguments, **named)
        return {tp: records for tp, records in taken.items() if next(count) % 3}

    frames.FrameClient._fetch_records = lose  # type: ignore[method-assign]


def _whole_log() -> None:
    """A log may end before what was folded of it."""
    owned.Owned.require_whole_log = lambda self, newest: None  # type: ignore[method-assign]


def _hole_check() -> None:
    """A frame is taken wherever it begins."""
    owned.Owned.hole_before = lambda self, frame, stale: False  # type: ignore[method-assign]


def _watch() -> None:
    """What others write into our partition of the changelog is not looked at."""
    claims.Watch.take = lambda self, record: None  # type: ignore[method-assign]


def _refusals() -> None:
    """What is refused is passed over without a word."""
    Lane._refuse = lambda self, *rest: None  # type: ignore[method-assign]


def _forwards() -> None:
    """A unit is folded wherever its records are."""
    Lane._forward = lambda self, *rest: False  # type: ignore[method-assign]


DEFENCES: dict[str, Callable[[], None]] = {
    "outputs before state": _state_before_outputs,
    "offset in the state": _state_without_offset,
    "epochs": _epochs,
    "recovery": _recovery,
    "chain": _chain,
    "end at an exception": _end_at_an_exception,
    "acknowledgements": _acknowledgements,
    "gate": _gate,
    "every fetch": _every_fetch,
    "hole check": _hole_check,
    "watch": _watch,
    "refusals": _refusals,
    "forwards": _forwards,
    "whole log": _whole_log,
}


def take_away(names: str) -> None:
    """Take defences away, several joined by +; nothing for an empty text."""
    for name in filter(None, names.split("+")):
        DEFENCES[name]()


def names() -> Sequence[str]:
    """All defences that can be taken away."""
    return tuple(DEFENCES)
