"""Faust's table recovery, told where changelogs end, and where the sources of recovered state begin.

Upstream asks the broker for the latest offset (the embedded broker answers wrongly), starts one record too early and
seeks sources to the group's committed offsets. Here a changelog ends at our own epoch record, and a source begins
right behind the last record that its recovered state includes: the committed offset is only a hint.
"""

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP

from services.core.errors import BrokenGuarantee

log = logging.getLogger(__name__)


class FrameRecovery(Recovery):  # type: ignore[misc]
    """Reads each changelog from its beginning up to our epoch record."""

    async def _build_highwaters(self, consumer: Any, tps: set[TP], destination: Any, title: str) -> None:
        destination.clear()
        destination.update({tp: self.tables._changelogs[tp.topic].end(tp.partition) for tp in tps})

    async def _build_offsets(self, consumer: Any, tps: set[TP], destination: Any, title: str) -> None:
        await super()._build_offsets(consumer, tps, destination, title)
        for tp in tps:
            table = self.tables._changelogs[tp.topic]
            if table.is_recovered(tp.partition):  # stayed ours: the state in memory is ahead of its changelog
                destination[tp] = table.end(tp.partition)

    async def _seek_offsets(self, consumer: Any, tps: set[TP], offsets: Any, title: str) -> None:
        starts = {tp: offsets[tp] + 1 for tp in tps}
        for tp, offset in starts.items():
            self.tables._changelogs[tp.topic].reading_from(tp.partition, offset)
        await consumer.seek_wait(starts)


class FrameTableManager(TableManager):  # type: ignore[misc]
    """Faust's manager of tables, with our recovery."""

    _recovery: FrameRecovery | None

    @property
    def recovery(self) -> FrameRecovery:
        """Created when first asked for."""
        if self._recovery is None:
            self._recovery = FrameRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class Start(NamedTuple):
    """Where to begin reading a source partition; `is_first`: no state and no commit exist, the generation begins."""

    offset: int
    is_first: bool = False


class Starts:
    """Where sources begin after a recovery."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def of(self, sources: Iterable[TP]) -> dict[TP, Start] | None:
        """Starts by partition; None if the group has dealt anew. A log that lost what is next breaks a guarantee."""
        sources = list(sources)
        dealt = self._app.rebalancing_count
        consumer = self._app.consumer
        logs = {TP(*tp): at for tp, at in (await consumer.earliest_offsets(*sources)).items()} if sources else {}
        starts = {}
        for tp in sources:
            committed = await consumer._thread.committed_offset(tp)
            if self._app.rebalancing_count != dealt:
                return None
            with self._app.guarantee("every source record is folded"):
                starts[tp] = self._start(tp, committed, logs[tp])
        return starts

    def _start(self, tp: TP, committed: int | None, log_start: int) -> Start:
        where = f"{tp.topic}/{tp.partition}"
        tables = [table for table in self._app.tables.values() if table.source == tp.topic]
        if not tables:
            return Start(log_start if committed is None else committed)
        table = tables[0]
        if not table.is_recovered(tp.partition):
            raise BrokenGuarantee(f"recovery ended before the state of {where} was read up to our epoch record")
        mark = table.mark(tp.partition)
        if mark < 0 and committed:
            raise BrokenGuarantee(
                f"{where} is folded up to offset {committed}, but its changelog holds no state: it was emptied or is "
                "another one. Rebuild into a next generation"
            )
        if mark >= 0 and log_start > mark + 1:
            raise BrokenGuarantee(
                f"{where} has to go on from offset {mark + 1}, but its log begins at {log_start}: records were deleted "
                "before they were folded. Rebuild from the stored scans into a next generation"
            )
        return Start(log_start, is_first=True) if mark < 0 else Start(mark + 1)
