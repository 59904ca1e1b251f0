"""Tells one subscriber of every visit: floor.visits ─► lanes ─► signed messages, one at a time ─► the place after them.

    read ─► cut (core/visits_lane.py) ─► ask whether it is still ours ─► post ─► … ─► move the place
                                                        before_post  after_post   after_advance     (points of tests)

Each subscriber has a consumer group, places and a breaker of its own, so one that is away holds nobody else. A message
is posted until it is taken; only then the next one. Killed before the place is moved, it is posted again after the
restart: each visit in it carries the key by which the receiver knows it.
"""

import asyncio
import contextlib
import logging
import random
import uuid
from collections.abc import Callable, Mapping, Sequence

from services import topology
from services.adapters.channels.subscribers import Subscriber
from services.adapters.kafka_consumer import Assignment, GroupFeed
from services.adapters.metrics import Metrics
from services.adapters.timescale_retry import until_done
from services.adapters.visits_told_rows import VisitsToldRows
from services.adapters.visits_told_wire import message, visits_record
from services.core.delivery import Outcome, Said
from services.core.errors import BrokenGuarantee
from services.core.pacing import BREAKER_OPENS, pause_s
from services.core.visits_lane import Place, VisitsLane, VisitTold
from services.settings import StageSettings

log = logging.getLogger("floorstream.notify")

READ_RECORDS = 500
READ_SECONDS = 0.2
STOP_SECONDS = 2.0
LOST_SESSIONS = 2.0
"""So long the group has to deal anew, once somebody else owns what is ours by the group."""


class VisitsOut:
    """One subscriber."""

    def __init__(
        self, settings: StageSettings, name: str, subscriber: Subscriber, rows: VisitsToldRows, metrics: Metrics,
        reached: Callable[[str], None] = lambda point: None,
    ) -> None:  # fmt: skip
        """Nothing happens before run(). `reached` is told the points at which it stands."""
        self._settings = settings
        self._name = name
        self._subscriber = subscriber
        self._rows = rows
        self._metrics = metrics
        self._reached = reached
        group = topology.SUBSCRIBER_GROUP + name
        self._feed = GroupFeed(settings.kafka, group, (topology.VISITS.name,), self._let_go)
        self._lanes: dict[int, VisitsLane] = {}
        self._owner = uuid.uuid4()
        self._size = subscriber.batch
        self._failures = 0
        self._troubled = ""
        self._stopping = False
        self._hurry = asyncio.Event()

    def stop(self) -> None:
        """Begin no further message."""
        self._stopping = True
        self._hurry.set()

    async def run(self) -> None:
        """Until stopped. Raises BrokenGuarantee, or KafkaError where the group does not want us any more."""
        static = f"visits-{self._name}-{self._settings.instance}" if self._settings.kafka.embedded else None
        remaining: asyncio.Task[None] | None = None
        try:
            await self._feed.start(static)
            remaining = asyncio.create_task(self._feed.remain())
            while not self._stopping:
                await self._turn()
                if remaining.done():
                    remaining.result()
        finally:
            if remaining is not None:
                remaining.cancel()
            await self._leave()

    async def _leave(self) -> None:
        await self._subscriber.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._feed.stop()
        except TimeoutError:
            log.warning("the broker did not answer the farewell; it will notice by itself")

    async def _turn(self) -> None:
        """Read what there is, tell it, move the places."""
        if self._feed.assigned_now.is_set():
            self._feed.assigned_now.clear()
            await self._take_over(self._feed.assigned)
        serial, lanes = self._feed.assigned.serial, self._lanes
        try:
            batches = await self._feed.read(READ_RECORDS, READ_SECONDS)
        except BrokenGuarantee:
            if not await self._deleted():
                raise
            self._feed.assigned_now.set()
            return
        if serial != self._feed.assigned.serial:
            return
        for (_, partition), records in batches.items():
            for record in records:
                lanes[partition].take(record.offset, visits_record(record, self._settings.generation))
        told = [each for (_, partition) in batches for each in lanes[partition].cut()]
        places = {partition: lanes[partition].place for _, partition in batches}
        if places and not (await self._tell(told, serial) and await self._advance(places)):
            await self._give_back(serial)

    async def _take_over(self, assignment: Assignment) -> None:
        """Become the owner of these partitions, and go on where the receiver has come to."""
        partitions = sorted(number for _, number in assignment.partitions)
        from_now = self._subscriber.from_now
        found = await until_done(
            lambda: self._rows.claim(self._name, self._owner, partitions, from_now), f"visits to {self._name}"
        )
        starts = await self._feed.log_starts(assignment)
        if starts is None or assignment != self._feed.assigned:
            return  # the group has dealt anew meanwhile; the next turn takes over
        for (_, number), start in starts.items():
            if start > found[number].position > 0:
                await self._pass_over(number, found[number].position, start)
            found[number] = Place(max(start, found[number].position), found[number].mark)
        self._lanes = {number: VisitsLane(place) for number, place in found.items()}
        self._show(found)
        self._feed.go_on({(topology.VISITS.name, number): place.position for number, place in found.items()})
        log.info("tells %s of visits: %s", self._name, ", ".join(f"{p}@{at.position}" for p, at in found.items()))

    async def _deleted(self) -> bool:
        """Has the log deleted by its age what the receiver has not taken yet? Then it is passed over, and said."""
        starts = await self._feed.log_starts(self._feed.assigned)
        places = {number: lane.place.position for number, lane in self._lanes.items()}
        return starts is not None and any(start > places.get(number, start) for (_, number), start in starts.items())

    async def _pass_over(self, partition: int, position: int, start: int) -> None:
        log.error(
            "visits to %s: %s/%d before offset %d was deleted by the log before it was taken: what changed then has to "
            "be read from the database", self._name, topology.VISITS.name, partition, start,
        )  # fmt: skip
        self._metrics.visits_told_missed.labels(self._name).inc(start - position)
        await until_done(
            lambda: self._rows.pass_over(self._name, self._owner, partition, start), f"visits to {self._name}"
        )

    async def _tell(self, told: Sequence[VisitTold], serial: int) -> bool:
        """All of it, a message at a time, each until it is taken. False: stopped, or no longer ours to tell."""
        while told:
            part = told[: self._size]
            if self._stopping or not await self._ours(serial):
                return False
            self._reached("before_post")
            outcome = await self._subscriber.tell(*message(self._name, self._settings.generation, part))
            self._reached("after_post")
            self._report(outcome, len(part))
            if outcome.sent:
                told = told[len(part) :]
                self._size = min(2 * self._size, self._subscriber.batch)
                continue
            stuck = outcome.said is Said.MISCONFIGURED or (outcome.said is Said.REFUSED and len(part) == 1)
            if outcome.said is Said.REFUSED:
                self._size = max(1, len(part) // 2)  # too large, or one of them: the log names it in the end
                if stuck:
                    log.error("visits to %s: refused %s revision %d", self._name, part[0].unit_id, part[0].accepted)
            await self._pause(pause_s(self._failures, random.random(), outcome.retry_after_s, stuck), serial)
        return True

    async def _ours(self, serial: int) -> bool:
        if serial != self._feed.assigned.serial:
            return False
        partitions = list(self._lanes)
        return await until_done(lambda: self._rows.owns(self._name, self._owner, partitions), f"visits to {self._name}")

    async def _advance(self, places: dict[int, Place]) -> bool:
        done = await until_done(lambda: self._rows.advance(self._name, self._owner, places), f"visits to {self._name}")
        self._reached("after_advance")
        if done:
            self._show(places)
        return done

    async def _give_back(self, serial: int) -> None:
        """Somebody else has them, or will: read nothing more before the group has dealt anew."""
        if self._stopping or serial != self._feed.assigned.serial:
            return
        log.warning("visits to %s: somebody else tells them now", self._name)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOST_SESSIONS * self._settings.kafka.session_timeout_s):
                await self._feed.assigned_now.wait()
        if serial == self._feed.assigned.serial:
            self._feed.assigned_now.set()

    async def _let_go(self) -> None:
        """Partitions go to others: what is under way is theirs to tell."""
        for partition in self._lanes:
            self._metrics.visits_told_mark.remove(self._name, str(partition))
        self._lanes = {}
        self._hurry.set()

    async def _pause(self, seconds: float, serial: int) -> None:
        self._hurry.clear()
        if not self._stopping and serial == self._feed.assigned.serial:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._hurry.wait()

    def _show(self, places: Mapping[int, Place]) -> None:
        for partition in places.keys() & self._lanes.keys():  # others may have been dealt meanwhile
            self._metrics.visits_told_mark.labels(self._name, str(partition)).set(places[partition].mark)

    def _report(self, outcome: Outcome, visits: int) -> None:
        if outcome.sent:
            self._failures = 0
            self._metrics.visits_told.labels(self._name).inc(visits)
            if self._troubled:
                log.warning("subscriber %s takes visits again", self._name)
            self._troubled = ""
        else:
            self._failures += 1
            self._metrics.visits_told_failures.labels(self._name, str(outcome.said)).inc()
            trouble = f"{outcome.said}: {outcome.detail}"
            if trouble != self._troubled:
                log.error("subscriber %s did not take visits (%s); asked again until it does", self._name, trouble)
            self._troubled = trouble
        state = 0 if outcome.sent else 2 if self._failures >= BREAKER_OPENS else 1
        self._metrics.visits_told_breaker.labels(self._name).set(state)
