"""What is wrong with a running floorstream, and what to do: judged from what was seen of it in two looks.

Everything is a plain number somebody can check; a finding names it. Nothing here asks anybody anything.
"""

from collections.abc import Iterator
from typing import NamedTuple

from services.core.cures import CURES
from services.core.signs import Look, Signs

CATCHING_UP_S = 10.0
"""Behind for longer than this at the present speed is worth saying."""
CLOCK_OFF_S = 2.0
DISK_FREE = 0.1
MEMORY_FREE = 0.05
BROKER_SHARE = 0.25
"""Of the machine's memory: from there on the embedded broker, which only grows, is named."""
REFUSED_SHARE = 0.02
REFUSED_LEAST = 5
SILENT_S = 600.0
SILENT_GAPS = 20
"""A source is silent when it has said nothing for this many times the usual gap, and for SILENT_S."""
USED_TO_SPEAK = 20
PARTITION_EVENTS = 1_000
WAITING_S = 300.0
UNSENT_S = 5.0


class Finding(NamedTuple):
    """One trouble: its name for programs, what was seen, and what to do, in both languages."""

    name: str
    en: str
    zh: str
    do_en: str
    do_zh: str


def findings(signs: Signs) -> list[Finding]:
    """All that is wrong, what stops the work first."""
    return [finding for judge in _JUDGES for finding in judge(signs)]


_PARTS = {"broker": "消息代理", "database": "数据库", "front": "入口"}
_WAIT_OR_PLANT = (
    ("wait a moment; if it stays, look into its log", "稍候；若持续，请查看其日志"),
    ("floorstream plant check FILE, then PUT /v1/plant", "先 floorstream plant check FILE，再 PUT /v1/plant"),
)


def _parts(signs: Signs) -> Iterator[Finding]:
    for part, said in signs.unreachable:
        yield Finding(
            f"{part}_away",
            f"the {part} does not answer: {said}",
            f"{_PARTS[part]}无应答：{said}",
            f"start the {part}, or correct its address; nothing is lost meanwhile, senders are told 503",
            f"请启动{_PARTS[part]}或更正其地址；期间不会丢失数据，发送方会收到 503",
        )
    for said in signs.not_ready:
        yield Finding(
            "not_ready",
            f"the front takes no work: {said}",
            f"入口尚不可用：{said}",
            *_WAIT_OR_PLANT[said[:5] == "plant"],
        )
    for stage in signs.silent_stages:
        yield Finding(
            "stage_silent",
            f"{stage} does not answer",
            f"环节 {stage} 无应答",
            f"read DATA_DIR/logs/{stage}.log; a stopped or stuck process is started again by hand or by its supervisor",
            f"查看 DATA_DIR/logs/{stage}.log；停止或卡住的进程请重新启动",
        )


def _database(signs: Signs) -> Iterator[Finding]:
    if signs.migrations:
        yield Finding(
            "migrations_pending",
            f"the database lacks {len(signs.migrations)} migrations, first {signs.migrations[0]}",
            f"数据库缺少 {len(signs.migrations)} 个迁移，首个为 {signs.migrations[0]}",
            "floorstream migrate",
            "运行 floorstream migrate",
        )
    if signs.generation_set and signs.generation_set != signs.generation:
        yield Finding(
            "generation",
            f"FLOORSTREAM_GENERATION={signs.generation_set}, the database is at {signs.generation}",
            f"设置为第 {signs.generation_set} 代，数据库为第 {signs.generation} 代",
            f"set FLOORSTREAM_GENERATION={signs.generation} for every stage",
            f"请为所有环节设置 FLOORSTREAM_GENERATION={signs.generation}",
        )
    if abs(signs.clock_off_s) > CLOCK_OFF_S:
        yield Finding(
            "clock_off",
            f"this machine's clock is {signs.clock_off_s:+.1f} s from the database's",
            f"本机时钟与数据库相差 {signs.clock_off_s:+.1f} 秒",
            "let both follow NTP (timedatectl set-ntp true)",
            "请让两台机器都与 NTP 同步（timedatectl set-ntp true）",
        )


def _progress(signs: Signs) -> Iterator[Finding]:
    if len(signs.looks) < 2:
        return
    first, last = signs.looks
    said = set()
    for what, before, now in (("rows", first.rows, last.rows), ("board", first.board, last.board)):
        lacking = {p: end - 1 - now.get(p, -1) for p, end in last.ends.items() if end - 1 > now.get(p, -1)}
        # What came after the first look may still be on its way.
        waited = {p for p in lacking if first.ends.get(p, 0) - 1 > before.get(p, -1)}
        stuck = sorted(p for p in waited if now.get(p, -1) <= before.get(p, -1))
        stage = blamed(what, last)
        if stage in said:
            continue
        if stuck:
            said.add(stage)
            yield _stuck(stage, ", ".join(map(str, stuck)), sum(lacking[p] for p in stuck))
            continue
        moved, records = sum(now.values()) - sum(before.values()), sum(lacking.values())
        needed = records / max(moved / signs.seconds, 1.0)
        if needed > CATCHING_UP_S:
            said.add(stage)
            yield Finding(
                f"{stage}_behind",
                f"{stage} is {records:,} records behind, about {needed:,.0f} s",
                f"{stage} 落后 {records:,} 条，约 {needed:,.0f} 秒",
                f"it catches up by itself; if it falls back further, start another {stage}",
                f"会自行追上；若继续落后，请再启动一个 {stage}",
            )


def _stuck(stage: str, partitions: str, records: int) -> Finding:
    return Finding(
        f"{stage}_stuck",
        f"{stage} stands still: {records:,} records of floor.scans wait, partitions {partitions}",
        f"{stage} 停滞：floor.scans 分区 {partitions} 有 {records:,} 条记录在等待",
        f"read the log of {stage} and start it again: it goes on where it stood",
        f"查看 {stage} 的日志并重新启动，它会从停下的位置继续",
    )


def blamed(what: str, look: Look) -> str:
    """Who has to move: where rows and board both lack something, it is track, which comes before both."""
    lacking = [p for p, end in look.ends.items() if end - 1 > min(look.rows.get(p, -1), look.board.get(p, -1))]
    if all(look.ends[p] - 1 > max(look.rows.get(p, -1), look.board.get(p, -1)) for p in lacking):
        return "track"
    return "store" if what == "rows" else "aggregate"


def _sources(signs: Signs) -> Iterator[Finding]:
    for source in signs.sources:
        usual = source.span_s / max(source.records - 1, 1)
        if source.records >= USED_TO_SPEAK and source.silent_s > max(SILENT_S, SILENT_GAPS * usual):
            yield Finding(
                "source_silent",
                f"{source.name} has sent nothing for {source.silent_s / 60:.0f} min, before that every {usual:.1f} s",
                f"数据源 {source.name} 已 {source.silent_s / 60:.0f} 分钟无数据，此前平均每 {usual:.1f} 秒一条",
                "look at the reader and its network; if the line stands, there is nothing to do",
                "检查读码器及其网络；若产线停工则无需处理",
            )
    if sum(signs.partitions.values()) >= PARTITION_EVENTS:
        silent = sorted(p for p, records in signs.partitions.items() if not records)
        names = ", ".join(map(str, silent))
        if silent:
            yield Finding(
                "partition_silent",
                f"partitions {names} of floor.scans had nothing in an hour, the "
                f"others {sum(signs.partitions.values()):,} records",
                f"分区 {names} 一小时内无记录",
                "does a producer of your own choose partitions? The key has to be the unit_id in UTF-8, "
                "hashed by murmur2",
                "自有生产者是否自行选择分区？键必须为 UTF-8 的 unit_id，并用 murmur2 散列",
            )


def _refusals(signs: Signs) -> Iterator[Finding]:
    for each in signs.refusals:
        if each.refused >= REFUSED_LEAST and each.refused > REFUSED_SHARE * each.sent:
            share = each.refused / max(each.sent, each.refused)
            yield Finding(
                "rejects_rising",
                f"{each.source}: {each.refused:,} events refused as {each.reason} in 10 min, "
                f"{share:.0%} of what it sent",
                f"数据源 {each.source}：10 分钟内有 {each.refused:,} 条因 {each.reason} 被拒，占 {share:.0%}",
                CURES[each.reason]["en"],
                CURES[each.reason]["zh"],
            )


def _people(signs: Signs) -> Iterator[Finding]:
    for each in signs.waiting:
        if each.oldest_s > WAITING_S:
            yield Finding(
                "notify_waiting",
                f"{each.messages} notifications of channel {each.channel} wait, the oldest for "
                f"{each.oldest_s / 60:.0f} min ({each.reason or 'no answer'})",
                f"通道 {each.channel} 有 {each.messages} 条通知未发出，最久 {each.oldest_s / 60:.0f} 分钟",
                f"floorstream channels test {each.channel}",
                f"运行 floorstream channels test {each.channel}",
            )


def _subscribers(signs: Signs) -> Iterator[Finding]:
    before, now = (signs.looks[0].told, signs.looks[-1].told) if signs.looks else ({}, {})
    for each in signs.untold:
        moves = now.get(each.subscriber, 0) > before.get(each.subscriber, 0)
        if each.oldest_s > WAITING_S and not moves:
            yield Finding(
                "visits_waiting",
                f"subscriber {each.subscriber} takes no visits: those of {each.records:,} scans wait, since "
                f"{each.oldest_s / 60:.0f} min",
                f"订阅者 {each.subscriber} 未接收停留数据：{each.records:,} 条采集的停留在等待，已 "
                f"{each.oldest_s / 60:.0f} 分钟",
                f"floorstream channels test {each.subscriber}, and read the log of notify; if it is no subscriber any "
                f"more: DELETE FROM visits_told WHERE subscriber = '{each.subscriber}'",
                f"运行 floorstream channels test {each.subscriber} 并查看 notify 日志；若已不再订阅："
                f"DELETE FROM visits_told WHERE subscriber = '{each.subscriber}'",
            )


def _machine(signs: Signs) -> Iterator[Finding]:
    for space in signs.spaces:
        least = MEMORY_FREE if space.what == "memory" else DISK_FREE
        if space.total and space.free < least * space.total:
            yield Finding(
                f"{space.what.partition(' ')[0]}_low",
                f"{space.what}: {space.free / 2**30:.1f} GiB of {space.total / 2**30:.1f} free",
                f"{space.what}：剩余 {space.free / 2**30:.1f} GiB",
                "make room before it is full: stages wait for the broker and database then, and senders get 503",
                "请在用尽前腾出空间；用尽后各环节将等待，发送方会收到 503",
            )
        if space.what == "memory" and signs.broker_bytes > BROKER_SHARE * space.total:
            yield Finding(
                "broker_memory",
                f"the embedded broker has grown to {signs.broker_bytes / 2**30:.1f} GiB and only grows",
                f"内嵌消息代理已占 {signs.broker_bytes / 2**30:.1f} GiB，且只增不减",
                "stop and start again: floorstream up goes on from its database",
                "停止后重新启动：floorstream up 会由数据库继续",
            )
    if signs.gauges.get("floorstream_aggregate_imbalances", 0):
        yield Finding(
            "imbalance",
            "the books of aggregate do not balance, which is a bug of ours",
            "聚合账目不平（程序缺陷）",
            "floorstream verify, and report what it and the log of aggregate say",
            "运行 floorstream verify，并报告其输出与 aggregate 的日志",
        )
    unsent = signs.gauges.get("floorstream_aggregate_unsent_seconds", 0.0)
    if unsent > UNSENT_S:
        yield Finding(
            "board_late",
            f"changed operations wait {unsent:.0f} s to be shown",
            f"工序状态延迟 {unsent:.0f} 秒才显示",
            "start another aggregate, or give it a faster core",
            "请再启动一个 aggregate，或换用更快的处理器",
        )


_JUDGES = (_parts, _database, _progress, _refusals, _sources, _people, _subscribers, _machine)
