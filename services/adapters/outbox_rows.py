"""The outbox of notify in the database: what is to be told, taken under a lease, begun, and marked.

    write   rows of one batch of records, and the position after them       one transaction
    take    the channel's next message, if it may have one now              one transaction, under the channel's lock
    begin   the attempt is on record before anything is sent                False: the lease is lost, send nothing
    done    sent, or when to try again

A lease is for one take and runs out by the database's clock. Whoever takes a row whose attempt was begun by somebody
who never told the end knows that the recipient may have it already, and counts a possible repeat. All times are the
database's, so that several notifiers and restarts share one rate.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import asyncpg
import msgspec

from services.adapters.statements import statements
from services.core.delivery import Outcome, Said
from services.core.messages import Facts, priority_rank
from services.core.notices import Step, Tell
from services.core.pacing import BUDGET_US, Choice, Waiting, choose

LEASE_SECONDS = 30.0
RATE_WINDOW_SECONDS = 66.0
"""A minute, and the time a message may be on its way: so no minute at the receiver has more than the rate."""
GIVE_UP_SECONDS = 86_400.0
ROW_PAUSE_SECONDS = 1.0
"""A notification that failed waits so long times its attempts: behind one that cannot be sent others go on."""
_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition of floor.alerts goes on, and the highest epoch seen in it."""

    position: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Row:
    """A notification under lease. `perhaps`: the recipient may have it already."""

    alert_id: str
    recipient: str
    version: int
    facts: Facts
    member: str
    language: str
    mentions: tuple[str, ...]
    perhaps: bool

    @property
    def key(self) -> tuple[str, str, int]:
        """Which notification it is."""
        return self.alert_id, self.recipient, self.version


@dataclass(frozen=True, slots=True)
class Taken:
    """One message to send: a single notification, or several as a digest of this id. `failures`: the target's."""

    channel: str
    recipient: str
    lease: uuid.UUID
    rows: tuple[Row, ...]
    digest: str | None
    failures: int


@dataclass(slots=True)
class Turn:
    """What came of asking for the next message. `wait_s`: nothing before so long (0: whenever there is news)."""

    taken: Taken | None = None
    wait_s: float = 0.0
    collapsed: int = 0
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class Census:
    """What waits on a channel, and how its target is. `away`: it has failed and may not be asked yet."""

    waiting: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    breakers: Mapping[str, tuple[int, bool, bool]] = field(default_factory=dict)


class OutboxRows:
    """The outbox of one generation."""

    def __init__(self, pool: asyncpg.Pool, generation: int) -> None:
        self._pool = pool
        self._generation = generation
        self._sql = statements("notify")

    async def positions(self, partitions: Sequence[int]) -> dict[int, Position]:
        """Where these partitions go on, as far as they were ever read."""
        async with self._pool.acquire() as conn:
            rows = await conn.fetch(self._sql["positions"], self._generation, list(partitions))
        return {row["partition"]: Position(row["position"], row["epoch"]) for row in rows}

    async def write(self, steps: Sequence[Step], positions: Mapping[int, Position]) -> None:
        """All rows of one batch of records, in their order, and the positions after them; again changes nothing."""
        async with self._pool.acquire() as conn, conn.transaction():
            for step in steps:
                if isinstance(step, Tell):
                    await conn.execute(self._sql["tell"], *self._told(step))
                else:
                    f = step.facts
                    await conn.execute(
                        self._sql["resolve"], self._generation, f.alert_id, f.version, f.incident, f.at_us,
                        _content(f), step.call,
                    )  # fmt: skip
            for partition, at in positions.items():
                await conn.execute(self._sql["advance"], self._generation, partition, at.position, at.epoch)

    def _told(self, step: Tell) -> tuple[object, ...]:
        f, to = step.facts, step.recipient
        return (
            self._generation, f.alert_id, to.key, f.version, f.incident, f.kind, to.channel, to.member, to.language,
            list(to.mentions), priority_rank(f.priority), f.at_us, _content(f), step.state,
        )  # fmt: skip

    async def know(self, channel: str) -> None:
        """A channel with these settings exists; one that waited for somebody to mend them may be tried at once."""
        async with self._pool.acquire() as conn:
            await conn.execute(self._sql["know_channel"], channel)
            await conn.execute(self._sql["forget_attempts"], channel)

    async def take(self, channel: str, per_minute: int | None) -> Turn:
        """The channel's next message under a lease, with everything settled that can be."""
        turn = Turn()
        async with self._pool.acquire() as conn, conn.transaction():
            if not await conn.fetchval(self._sql["any_waiting"], channel):
                return turn
            state = await conn.fetchrow(self._sql["lock_channel"], channel)
            if state is None:
                return turn  # another notifier is choosing just now
            await self._settle(conn, channel, turn)
            now = int(state["now"])
            if state["not_before"] is not None and state["not_before"] > now:
                turn.wait_s = (state["not_before"] - now) / _SECOND_US
                return turn
            if per_minute is not None:
                full = await conn.fetchval(self._sql["room"], channel, per_minute, RATE_WINDOW_SECONDS)
                if full is not None:
                    turn.wait_s = RATE_WINDOW_SECONDS - (now - full) / _SECOND_US
                    return turn
            rows = await conn.fetch(self._sql["waiting"], channel, BUDGET_US / _SECOND_US)
            choice = choose((_waiting(row) for row in rows), now)
            turn.wait_s = choice.wait_us / _SECOND_US
            if choice.next is not None:
                turn.taken = await self._lease(conn, channel, choice, int(state["failures"]))
        return turn

    async def _settle(self, conn: asyncpg.Connection, channel: str, turn: Turn) -> None:
        await conn.execute(self._sql["expire_leases"], channel)
        turn.given_up = len(await conn.fetch(self._sql["give_up"], channel, GIVE_UP_SECONDS))
        for statement in ("collapse", "collapse_resolved"):
            turn.collapsed += len(await conn.fetch(self._sql[statement], channel))

    async def _lease(self, conn: asyncpg.Connection, channel: str, choice: Choice, failures: int) -> Taken | None:
        assert choice.next is not None
        lease, recipient, digest = uuid.uuid4(), choice.next.recipient, choice.next.digest
        if digest is not None:
            found = await conn.fetch(
                self._sql["lease_digest_again"], channel, recipient, lease, LEASE_SECONDS, uuid.UUID(digest)
            )
        else:
            statement = "lease_digest" if choice.as_digest else "lease_one"
            found = await conn.fetch(self._sql[statement], channel, recipient, lease, LEASE_SECONDS)
            digest = str(lease) if choice.as_digest else None
        if not found:
            return None
        await conn.execute(self._sql["attempt"], lease, channel, recipient, len(found))
        if failures:
            await conn.execute(self._sql["hold_target"], channel, LEASE_SECONDS / 2)
        rows = sorted(map(_row, found), key=lambda row: (priority_rank(row.facts.priority), row.facts.at_us, row.key))
        return Taken(channel, recipient, lease, tuple(rows), digest, failures)

    async def begin(self, taken: Taken) -> bool:
        """Put the attempt on record. False where the lease ran out: somebody else may be sending it."""
        async with self._pool.acquire() as conn, conn.transaction():
            begun = await conn.fetch(self._sql["begin"], taken.lease)
            if len(begun) == len(taken.rows):
                return True
            await conn.execute(self._sql["unsent"], taken.lease, 0.0, "lease lost", False)
            return False

    async def done(self, taken: Taken, outcome: Outcome, pause_s: float) -> None:
        """What became of it. `pause_s`: until the target may be asked again, where it has failed."""
        async with self._pool.acquire() as conn, conn.transaction():
            await conn.execute(self._sql["outcome"], taken.lease, str(outcome.said))
            if outcome.sent:
                keys = zip(*(row.key for row in taken.rows), strict=True)
                await conn.execute(self._sql["sent"], self._generation, *map(list, keys))
                await conn.execute(self._sql["target_answered"], taken.channel)
            elif outcome.said is Said.REFUSED:
                await conn.execute(self._sql["refused"], taken.lease, outcome.detail)
                await conn.execute(self._sql["target_answered"], taken.channel)
            else:
                stuck = outcome.said is Said.MISCONFIGURED
                await conn.execute(self._sql["unsent"], taken.lease, ROW_PAUSE_SECONDS, outcome.detail, outcome.perhaps)
                await conn.execute(self._sql["target_failed"], taken.channel, pause_s, stuck, outcome.detail)

    async def census(self) -> Census:
        """How much waits where."""
        async with self._pool.acquire() as conn:
            waiting = await conn.fetch(self._sql["census"])
            breakers = await conn.fetch(self._sql["breakers"])
        return Census(
            {row["channel"]: (row["waiting"], row["oldest_s"]) for row in waiting},
            {row["channel"]: (row["failures"], row["stuck"], bool(row["closed_to_us"])) for row in breakers},
        )

    async def forget_old(self) -> None:
        """Remove what ended more than a year ago."""
        async with self._pool.acquire() as conn:
            await conn.execute(self._sql["forget_finished"])


def _content(facts: Facts) -> str:
    return json.dumps(asdict(facts), ensure_ascii=False)


def _waiting(row: Any) -> Waiting:
    return Waiting(
        row["recipient"], row["notifications"], row["priority"], row["at"], row["sent"], row["last"], row["digest"],
        row["unsure"],
    )  # fmt: skip


def _row(row: Any) -> Row:
    return Row(
        row["alert_id"], row["recipient"], row["version"], msgspec.json.decode(row["content"], type=Facts),
        row["member"], row["language"], tuple(row["mentions"]), row["perhaps"],
    )  # fmt: skip
