"""Visits told to programs: processes, a real broker, a real database, receivers that fail; every ledger is right."""

import asyncio
import signal
import socket
import subprocess
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from schemas.visits_told import VisitsTold
from services.adapters.doctor_read import told, untold
from services.adapters.timescale_pool import open_pool
from services.adapters.visits_told_rows import VisitsToldRows
from services.core.visits_lane import Place
from services.embedded.process import free_port
from services.topology import VISITS
from tests.faults.cluster import only_apache
from tests.faults.scraped import metrics
from tests.integration.notify_process import NotifyProcesses
from tests.integration.store_floor import Floor
from tests.parts import SCAN_PARTITIONS, ask, until
from tests.phone_server import SECRET, Mode, PhoneServer

Ledger = dict[tuple[str, int], str]
PARTITIONS = list(range(SCAN_PARTITIONS))


class Receiver(PhoneServer):
    """A program that takes visits: each key once, and of each visit the greatest revision.

    It has its port from the start, and answers there once it is up.
    """

    async def __aenter__(self) -> "Receiver":
        self._tasks = set()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        return self

    async def up(self, port: int = 0) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, sock=self._socket)

    async def __aexit__(self, *_: object) -> None:
        if hasattr(self, "_server"):
            await self.down()
        self._socket.close()

    @property
    def visits(self) -> list[dict[str, Any]]:
        """Everything taken, in order, a key that is known passed over."""
        known: dict[str, dict[str, Any]] = {}
        for request in self.taken:
            VisitsTold.model_validate(request.body)
            for visit in request.body["visits"]:
                assert known.setdefault(visit["key"], visit) == visit, "one key, two contents"
        return list(known.values())

    @property
    def ledger(self) -> Ledger:
        """(unit_id, visit_seq) → visit_id, of visits that are there."""
        newest: dict[tuple[str, int], dict[str, Any]] = {}
        for visit in self.visits:
            held = newest.setdefault((visit["unit_id"], visit["visit_seq"]), visit)
            if visit["revision"] > held["revision"]:
                newest[visit["unit_id"], visit["visit_seq"]] = visit
        return {key: visit["visit_id"] for key, visit in newest.items() if not visit["deleted"]}

    def require_order(self) -> None:
        """A unit's revisions never fall."""
        newest: dict[str, int] = {}
        for visit in self.visits:
            assert visit["revision"] >= newest.get(visit["unit_id"], 0)
            newest[visit["unit_id"]] = visit["revision"]


@pytest.fixture
async def three() -> AsyncIterator[list[Receiver]]:
    async with AsyncExitStack() as stack:
        made = [Receiver() for _ in range(3)]
        for each in made:
            await stack.enter_async_context(each)
        await made[0].up()
        await made[1].up()
        yield made


@pytest.fixture
def notify(fresh_broker: str, database: str, tmp_path: Path, three: list[Receiver]) -> Iterator[NotifyProcesses]:
    told = [
        f"  {name}: {{url: '{receiver.url}', secret: {SECRET}, from: beginning, batch: {batch}}}\n"
        for name, receiver, batch in zip(("well", "ill", "dead"), three, (100, 7, 100), strict=True)
    ]
    processes = NotifyProcesses(
        fresh_broker, database, tmp_path, "allow_private: [127.0.0.1]\nvisits:\n" + "".join(told)
    )
    yield processes
    processes.end()


def truth(floor: Floor) -> Ledger:
    return {(str(unit), int(str(seq))): str(text) for unit, seq, text in floor.visit_rows()}


async def has(receiver: Receiver, wanted: Ledger) -> None:
    async def all_there() -> bool:
        return receiver.ledger == wanted

    await until(all_there, "the ledger is right", 120)


async def ended(child: subprocess.Popen[bytes]) -> None:
    async def gone() -> bool:
        return child.poll() is not None

    await until(gone, "the teller has ended", 120)


async def more(receiver: Receiver, count: Callable[[Receiver], int]) -> None:
    """Wait until one more request has come."""
    before = count(receiver)

    async def came() -> bool:
        return count(receiver) > before

    await until(came, "another request", 120)


def asked(receiver: Receiver) -> int:
    return len(receiver.requests)


@pytest.mark.slow
async def test_killed_between_the_answer_and_its_place_it_tells_the_same_again(
    notify: NotifyProcesses, fresh_broker: str, database: str, three: list[Receiver]
) -> None:
    floor, port = Floor(seed=4, events=60), free_port()
    await three[2].up()
    await floor.produce(fresh_broker)
    await ended(notify.start(KILL_AT="after_post:2"))
    child = notify.start(FLOORSTREAM_METRICS_PORT=str(port))
    for each in three:
        await has(each, truth(floor))
        each.require_order()

    async def places_are_shown() -> bool:
        rows = await ask(database, "SELECT subscriber, partition, mark FROM visits_told")
        kept = {f'{{partition="{row["partition"]}",subscriber="{row["subscriber"]}"}}': row["mark"] for row in rows}
        return await metrics(port, "floorstream_visits_told_mark") == kept and max(kept.values()) > 0

    await until(places_are_shown, "Prometheus sees how far each has taken them")
    assert any(visit["deleted"] for visit in three[0].visits)
    child.terminate()
    await ended(child)
    assert child.returncode == 0


@pytest.mark.slow
async def test_every_ledger_is_right_whoever_is_killed_slow_or_away(
    notify: NotifyProcesses, fresh_broker: str, three: list[Receiver]
) -> None:
    well, ill, dead = three
    floor, parts = Floor(seed=5, events=150), 5
    for part, point in enumerate(("before_post:3", "after_post:4", "after_advance:2")):
        await floor.produce(fresh_broker, part, parts)
        await ended(notify.start(KILL_AT=point, SHORT_PAUSES="1"))
    ill.mode = Mode.ERROR
    child = notify.start(SHORT_PAUSES="1")
    await floor.produce(fresh_broker, 3, parts)
    for mode in (Mode.ERROR, Mode.TOO_MANY, Mode.CLOSE_AFTER_TAKING, Mode.HANG_UP):
        ill.mode = mode
        await more(ill, asked)
    await floor.produce(fresh_broker, 4, parts)
    await has(well, truth(floor))
    ill.mode, ill.delay = Mode.WELL, 0.2
    await has(ill, truth(floor))
    await dead.up()
    await has(dead, truth(floor))
    for each in three:
        each.require_order()
    child.terminate()
    await ended(child)
    assert child.returncode == 0


@pytest.mark.slow
async def test_a_teller_that_slept_while_another_took_over_moves_no_place(
    notify: NotifyProcesses, fresh_broker: str, broker_choice: str, database: str, three: list[Receiver]
) -> None:
    only_apache(broker_choice)  # the embedded one does not expire a stopped member
    floor = Floor(seed=6, events=100)
    await three[2].up()
    sleeper = notify.start("0", PAUSE_AT="before_post:2", SHORT_PAUSES="1")
    await floor.produce(fresh_broker, 0, 2)

    async def asleep() -> bool:
        return await asyncio.to_thread(state_of, sleeper.pid) == "T"

    await until(asleep, "it sleeps", 120)
    notify.start("1", SHORT_PAUSES="1")
    await floor.produce(fresh_broker, 1, 2)
    for each in three:
        await has(each, truth(floor))
    ends = {(name, p, len(log)) for name in ("well", "ill", "dead") for p, log in enumerate(floor.visits)}

    async def settled() -> bool:
        rows = await ask(database, "SELECT subscriber, partition, position FROM visits_told")
        return {tuple(row) for row in rows} == ends

    await until(settled, "every place is at the end", 120)
    sleeper.send_signal(signal.SIGCONT)

    async def noticed() -> bool:
        return "somebody else" in notify.log or sleeper.poll() is not None

    await until(noticed, "it has noticed", 120)
    for each in three:
        await has(each, truth(floor))
    assert await settled()


def state_of(pid: int) -> str:
    """As Linux says it: T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@asynccontextmanager
async def rows_of(dsn: str, generation: int = 1) -> AsyncIterator[VisitsToldRows]:
    pool = await open_pool(dsn, application="test")
    try:
        yield VisitsToldRows(pool, generation)
    finally:
        pool.terminate()


async def test_a_new_subscriber_begins_where_it_says_and_one_that_is_known_goes_on(database: str) -> None:
    """Now is where the store has come to: what came before is in the database."""
    insert = "INSERT INTO sink_positions (topic, partition, generation, position, mark, epoch) "
    await ask(database, insert + "SELECT $1, n, 1, 50 + n, 40, 0 FROM generate_series(0, 2) n", VISITS.name)
    first, second = uuid.uuid4(), uuid.uuid4()
    async with rows_of(database) as rows:
        assert await rows.claim("all", first, PARTITIONS, False) == dict.fromkeys(PARTITIONS, Place(0, -1))
        found = await rows.claim("new", first, PARTITIONS, True)
        assert found == {0: Place(50, 40), 1: Place(51, 40), 2: Place(52, 40), 3: Place(0, -1)}
        assert await rows.advance("new", first, {0: Place(60, 55)})
        assert (await rows.claim("new", second, [0], True))[0] == Place(60, 55)
    async with rows_of(database, 2) as rows:
        assert await rows.claim("new", first, [0], True) == {0: Place(0, -1)}


async def test_whoever_claims_last_owns_and_nobody_else_moves_a_place(database: str) -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    async with rows_of(database) as rows:
        await rows.claim("mes", first, PARTITIONS, False)
        assert await rows.owns("mes", first, PARTITIONS)
        await rows.claim("mes", second, [1], False)
        assert not await rows.owns("mes", first, PARTITIONS)
        assert await rows.owns("mes", first, [0, 2, 3])
        assert not await rows.advance("mes", first, {0: Place(5, 4), 1: Place(5, 4)})
        assert await rows.claim("mes", first, [0, 1], False) == {0: Place(5, 4), 1: Place(0, -1)}


async def test_what_a_subscriber_has_not_taken_of_what_is_stored_is_seen(database: str) -> None:
    """Of two partitions, since the first record behind its place came; what is not stored yet does not count."""
    insert = "INSERT INTO sink_positions (topic, partition, generation, position, mark, epoch) "
    await ask(database, insert + "SELECT $1, n, 1, 50, 40, 0 FROM generate_series(0, 1) n", VISITS.name)
    await ask(
        database,
        'INSERT INTO raw_scans (partition, "offset", recorded, generation, source) SELECT p, o, '
        "now() - make_interval(mins => 100 - o), 1, 'gate' FROM generate_series(0, 1) p, generate_series(0, 40) o",
    )
    owner = uuid.uuid4()
    async with rows_of(database) as rows:
        for name, at in (("well", Place(50, 40)), ("mes", Place(9, 30))):
            await rows.claim(name, owner, [0, 1], False)
            await rows.advance(name, owner, {0: at, 1: Place(50, 39)})
        await rows.advance("well", owner, {1: Place(51, 41)})
    connection = await asyncpg.connect(database)
    [found] = await untold(connection, 1)
    assert (found.subscriber, found.records, round(found.oldest_s / 60)) == ("mes", 10 + 1, 100 - 31)
    assert await told(connection, 1) == {"well": 50 + 51, "mes": 9 + 50}
    assert await untold(connection, 2) == []
    await connection.close()


async def test_what_the_log_deleted_untold_is_counted(database: str) -> None:
    owner = uuid.uuid4()
    async with rows_of(database) as rows:
        await rows.claim("mes", owner, [0], False)
        await rows.advance("mes", owner, {0: Place(10, 9)})
        await rows.pass_over("mes", owner, 0, 25)
        await rows.pass_over("mes", uuid.uuid4(), 0, 99)
    found = await ask(database, "SELECT position, missed FROM visits_told")
    assert [tuple(row) for row in found] == [(25, 15)]
