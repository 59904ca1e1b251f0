"""A worker of frames with a toy fold, as a process of its own: per key, how many records came and what they add up to.

Arguments: BROKER GROUP DATA_DIR IDEMPOTENT(0/1). Reads `<group>-in`, writes every changed key to `<group>-out` and its
state to the changelog of table `counts`. A record whose value is `boom` raises inside the agent. It waits a little
between the two acknowledgements, so that kills meet every step of a frame.
"""

import asyncio
import json
import logging
import sys
from typing import Any

from services.adapters.frame_app import FrameApp, make_app, run, tune_runtime

PARTITIONS = 4
SESSION_S = 6.0
SMALL_FRAME = 64
PAUSE_S = 0.02
READ_BACK_S = 1.0

log = logging.getLogger("frame_worker")


class Counts:
    """State and fold of the partitions that are ours."""

    def __init__(self, app: FrameApp, group: str) -> None:
        self.app = app
        self.out = f"{group}-out"
        self.stands_at: dict[int, int] = {}
        self.table = app.frame_table(
            "counts", source=f"{group}-in", on_recovered=self.recovered, on_lost=self.stands_at.pop
        )

    def recovered(self, partition: int) -> None:
        """Before the first frame."""
        self.stands_at[partition] = self.table.mark(partition)
        log.info(
            "recovered %d at %d, stale %s", partition, self.table.mark(partition), self.table.stale_keys(partition)
        )

    async def take(self, event: Any) -> None:
        """One frame: fold, outputs, state, acknowledge."""
        frame = event.message.value
        partition, stands_at = frame.partition, self.stands_at[frame.partition]
        if frame.start > stands_at + 1:
            await self.app.consumer.rewind(event, stands_at + 1)
            return
        changed = self.fold(partition, [r for r in frame.records if r.offset > stands_at])
        for sent in self.app.producer.batches(self.out, partition, [(k, v, ()) for k, v in changed.items()]):
            await sent
        await asyncio.sleep(PAUSE_S)
        if frame.end > stands_at:
            await self.table.write(partition, changed.items(), frame.end)
            self.stands_at[partition] = frame.end
        event.ack()

    def fold(self, partition: int, records: list[Any]) -> dict[bytes, bytes]:
        """What changed."""
        values, changed = self.table.partition(partition), {}
        for record in records:
            if record.value == b"boom":
                raise ValueError("boom")
            count, total = json.loads(values.get(record.key, b"[0, 0]"))
            changed[record.key] = values[record.key] = json.dumps([count + 1, total + int(record.value)]).encode()
        return changed

    async def read_back(self) -> None:
        """Look for what a former owner wrote late."""
        if 0 in self.stands_at:
            log.info("late keys %s", await self.table.read_back(0))


def main(broker: str, group: str, data_dir: str, idempotent: str) -> int:
    """Run until a signal."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    tune_runtime()
    app = make_app(
        group, broker, data_dir=data_dir, partitions=PARTITIONS, idempotent=idempotent == "1",
        session_timeout_s=SESSION_S, rebalance_timeout_s=SESSION_S, commit_interval_s=0.2, frame_records=SMALL_FRAME,
    )  # fmt: skip
    counts = Counts(app, group)

    async def fold(stream: Any) -> None:
        async for event in stream.noack().events():
            await counts.take(event)

    app.agent(app.frame_topic(f"{group}-in"), name="fold")(fold)
    app.timer(READ_BACK_S)(counts.read_back)
    return run(app)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
