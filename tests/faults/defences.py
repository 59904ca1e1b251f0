"""Defences of the track stage, taken away one at a time to see that the fault tests can fail. Never in the product."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from services.adapters import changelog, frames
from services.track import owned
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

    def forgetful(self: Lane, offset: int, epoch: int) -> None:
        recover(self, offset, epoch)
        self.offset = -1 if offset < 0 else max(-1, offset - 25)
        for key in [key for key in self.table if key[:1] == b"u"][::2]:
            del self.table[key]

    Lane.recover = forgetful  # type: ignore[method-assign]


def _epochs() -> None:
    """Records of a former owner count."""
    take = changelog._Reading.take

    def credulous(self: Any, record: Any) -> None:
        take(self, record)
        self.epoch = -1

    changelog._Reading.take = credulous  # type: ignore[method-assign]
    changelog._Reading._mark = lambda self, record, offset, follows: setattr(self, "offset", offset)  # type: ignore


def _wait_for_recovery() -> None:
    """Holes are not looked for and the rebalance gate is open."""
    owned.Owned.hole_before = lambda self, frame: False  # type: ignore[method-assign]

    async def ungated(self: Any, active_partitions: Any, timeout: float) -> Any:
        return await super(frames.FrameConsumer, self)._getmany(active_partitions, timeout)

    frames.FrameConsumer._getmany = ungated  # type: ignore[method-assign]


DEFENCES: dict[str, Callable[[], None]] = {
    "outputs before state": _state_before_outputs,
    "offset in the state": _state_without_offset,
    "epochs": _epochs,
    "no hole": _wait_for_recovery,
}


def take_away(name: str) -> None:
    """Take one defence away; nothing for an empty name."""
    if name:
        DEFENCES[name]()


def names() -> Sequence[str]:
    """All defences that can be taken away."""
    return tuple(DEFENCES)
