"""What the figures are called in the report, in English and Chinese."""

from typing import NamedTuple


class Words(NamedTuple):
    """One text in both languages."""

    en: str
    zh: str


CONTENDERS = {
    "track": Words("floorstream track", "floorstream track（本产品）"),
    "bare_aiokafka": Words("bare aiokafka loop", "裸 aiokafka 循环"),
    "bare_confluent": Words("bare confluent-kafka loop", "裸 confluent-kafka 循环"),
    "faust_idiomatic": Words("idiomatic Faust", "惯用写法的 Faust"),
}

BARRED = {
    "track.ratio_to_better_bare": Words("track ÷ the better bare loop", "track ÷ 较快的裸循环"),
    "track.overhead_below_idiomatic": Words(
        "overhead of idiomatic Faust ÷ that of track", "惯用 Faust 的额外开销 ÷ track 的额外开销"
    ),
    "track.events_per_s_core": Words("events per CPU second (the goal)", "每 CPU 秒处理的事件（目标）"),
    "workers.two_to_one": Words("two workers ÷ one, events per CPU second", "两个工作进程 ÷ 一个（每 CPU 秒事件）"),
    "store.visits_per_s": Words("visits into PostgreSQL a second", "每秒写入 PostgreSQL 的停留记录"),
    "ingest.scans_per_s_core": Words("scans by HTTP per CPU second", "每 CPU 秒经 HTTP 接收的扫描"),
    "latency.produce_to_row.p99_s": Words("scan to row, p99, s", "扫描到数据库行，p99，秒"),
    "latency.produce_to_browser.p99_s": Words("scan to browser, p99, s", "扫描到浏览器，p99，秒"),
    "burst.lost": Words("lost in the burst", "突发中丢失的事件"),
    "memory.million_units_mb": Words("a million live units, MB in all", "一百万个在制单元的总内存，MB"),
    "recovery.million_units_s": Words("recovery of a million units, s", "恢复一百万个单元，秒"),
    "cost.most_to_fewest_units": Words("cost of an event: most ÷ fewest live units", "单个事件的开销：单元最多 ÷ 最少"),
    "cost.most_to_fewest_operations": Words(
        "cost of an event: most ÷ fewest operations", "单个事件的开销：工序最多 ÷ 最少"
    ),
}
