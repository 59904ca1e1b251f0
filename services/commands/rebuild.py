"""`floorstream rebuild`: a Kafka whose log was lost or is wrong gets a new one, made of what the database has.

    look ─► mark the rebuild as begun ─► topics made empty ─► filled from the stored raw records ─► next generation

The stored raw records are the truth; everything else follows from them. From the mark to the end no store starts, so
that half a log is never taken for a whole one; killed in between, the command is given again.
"""

import argparse
import asyncio
import os
import sys
from dataclasses import dataclass
from time import monotonic

import asyncpg
from aiokafka.errors import KafkaError

from services import settings
from services.adapters import rebuild_rows, rebuild_topics
from services.adapters.rebuild import Life, OtherPartitions, begin_filling, fill_log, require_partitions
from services.adapters.rebuild_rows import Lives
from services.adapters.timescale_pool import connect
from services.adapters.topics import TopicsError
from services.ports import BrokerAway, TooManyPending
from services.settings import BadSetting, KafkaSettings
from services.topology import SENT

DESCRIPTION = """\
Makes the log anew from the database, as the next generation: for a Kafka that was lost, a topic that was emptied,
or a stage that ended with 70 and says so. The database is kept as it is; scans, machine events, alerts, plant models
and production orders are written again, units and visits follow.

  1. Stop every stage, and whatever writes into floor.scans and floor.machines.
  2. floorstream rebuild              says what it would do, and does it where no topic has records
     floorstream rebuild --delete     deletes the topics that have some
  3. Set FLOORSTREAM_GENERATION to the number it prints, for every stage, and start them: alert and notify last,
     when `floorstream drain` has returned.

Killed or failed in between: give the same command again; until then no store starts.
Settings by environment: FLOORSTREAM_KAFKA, FLOORSTREAM_DATABASE_URL, FLOORSTREAM_PARTITIONS, FLOORSTREAM_REPLICATION.
"""


GRACE_S = 5.0
POLL_S = 0.5


class Refused(Exception):
    """It must not be done like this; the message says why and what to do."""


@dataclass(frozen=True)
class Found:
    """What there is before anything is done. `records` lie in the log, `unstored` of them in no row.

    `used`: something lies there or did, though retention may have removed it.
    """

    lives: Lives
    used: bool
    records: int
    unstored: int


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "rebuild", help="make a lost log anew from the database", description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--delete", action="store_true", help="delete topics that have records")
    parser.add_argument(
        "--lose-unstored", action="store_true",
        help="even where the log has records that the store has not written into the database",
    )  # fmt: skip
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Rebuild. Exit code 0 done, 1 it cannot be done (so), 2 settings."""
    try:
        stage = settings.read(os.environ)
        if not stage.database_url:
            raise BadSetting("FLOORSTREAM_DATABASE_URL is not set: the log is made of what the database has")
    except BadSetting as error:
        print(error, file=sys.stderr)
        return 2
    try:
        life = asyncio.run(rebuild(stage.kafka, stage.database_url, arguments.delete, arguments.lose_unstored))
    except (Refused, OtherPartitions, TopicsError) as error:
        print(error, file=sys.stderr)
        return 1
    except (asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError, BrokerAway, TooManyPending, OSError) as error:
        print(f"broken off, give the same command again when this is over: {error or repr(error)}", file=sys.stderr)
        return 1
    print(f"generation {life.generation} has begun with {life.records:,} records 新一代日志已就绪")
    print(f"Set FLOORSTREAM_GENERATION={life.generation} for every stage and start them 请为所有环节设置后启动")
    return 0


async def rebuild(kafka: KafkaSettings, dsn: str, delete: bool, lose_unstored: bool) -> Life:
    """The next life of the log. Raises Refused where something speaks against it, before anything is changed."""
    found = await look(kafka, dsn)
    if found.lives.newest == 0:
        raise Refused("the database has no records: there is nothing to rebuild; `floorstream topics create` will do")
    require_partitions(found.lives, kafka)
    if found.used and not delete:
        raise Refused(_plan(found))
    await _stopped(kafka)
    found = await look(kafka, dsn)  # what they wrote before they stopped counts as well
    if found.unstored and not lose_unstored:
        raise Refused(
            f"{found.unstored:,} records of the log are not in the database: start `floorstream run store` with the "
            f"present settings until it has read them (`floorstream drain`), or lose them with --lose-unstored "
            f"日志中有 {found.unstored:,} 条记录尚未入库：请先让 store 写完，或用 --lose-unstored 放弃"
        )
    await begin_filling(dsn, kafka)
    print("topics are made empty 正在清空主题", flush=True)
    await rebuild_topics.make_empty(kafka)
    return await fill_log(kafka, dsn, lambda done, of: print(f"written 已写入: {done:,} / {of:,}", flush=True))


async def look(kafka: KafkaSettings, dsn: str) -> Found:
    """What there is, in broker and database."""
    conn = await connect(dsn, application="floorstream rebuild")
    try:
        lives, stored = await rebuild_rows.lives_of(conn), await rebuild_rows.stored_up_to(conn)
    finally:
        await conn.close()
    there = await rebuild_topics.lengths(kafka)
    # What an interrupted rebuild left in the topics is in the database already.
    lacking = 0 if lives.unfinished else rebuild_topics.unstored(there, stored)
    records = sum(end - first for first, end in there.values())
    return Found(lives, any(end for _, end in there.values()), records, lacking)


async def _stopped(kafka: KafkaSettings) -> None:
    """Wait until no stage is at work: the broker knows one that was killed until its session has ended."""
    deadline = monotonic() + kafka.session_timeout_s + GRACE_S
    while groups := await rebuild_topics.at_work(kafka):
        if monotonic() > deadline:
            raise Refused(
                f"stages are at work: {', '.join(groups)}. Stop every stage first "
                f"仍有环节在运行，请先全部停止：{', '.join(groups)}"
            )
        await asyncio.sleep(POLL_S)


def _plan(found: Found) -> str:
    begun = " (an interrupted rebuild left them)" if found.lives.unfinished else ""
    sent = ", ".join(topic.name for topic in SENT)
    return (
        f"{sent} have {found.records:,} records{begun}, {found.unstored:,} of them not "
        f"in the database. With --delete all topics are made empty and filled from the database, as generation "
        f"{found.lives.newest + 1} 加 --delete 后将清空全部主题，并用数据库中的记录重建为第 {found.lives.newest + 1} 代"
    )
