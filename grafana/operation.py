"""One operation at a desk: who is there, for how long, and how it came about."""

from grafana_foundation_sdk.builders import dashboard

from grafana.board import board, chosen_by_query
from grafana.look import BLUE, GREEN, ORANGE, PINK, RED, SKY, STALE, curve, data_age, number, rows, steps
from grafana.queries import DATABASE, sql, statements

FILE = "operation"
PERCENTILES = (("p50", SKY), ("p85", BLUE), ("p95", ORANGE))


def operation() -> dashboard.Dashboard:
    """WIP by phase, dwell and its parts over time, and the units that are there now."""
    return board(
        "floorstream-operation",
        "工序 Operation",
        "一道工序的在制品、停留时间与在场单元。One operation: WIP by phase, dwell, and who is there now.",
        DATABASE,
        [
            number(
                "在制品 WIP",
                "该工序的在场单元数 = 排队 + 加工 + 待转 + 暂扣。Open visits = queued + running + finished + held.",
                sql(FILE, "wip"),
                "none",
                steps(),
                (5, 4),
                missing=STALE,
            ),
            number(
                "占上限 Share of the limit",
                "在制品 ÷ 工厂模型的 wip_limit。WIP ÷ wip_limit of the plant model.",
                sql(FILE, "load"),
                "percent",
                steps((80, ORANGE), (100, RED)),
                (5, 4),
                missing="—",
            ).decimals(0),
            number(
                "离开 Departures",
                "所选时段内离开的次数，按离开时间。Visits closed in the range, by departure.",
                sql(FILE, "departures"),
                "none",
                steps(),
                (5, 4),
            ),
            number(
                "停留 p85 Dwell p85",
                "近 8 小时离开者停留时间的第 85 百分位，误差 ≤ 1 %。"
                "85th percentile of dwell of the last 8 h, at most 1 % off.",
                sql(FILE, "dwell_now"),
                "s",
                steps(),
                (5, 4),
            ).decimals(0),
            data_age((4, 4)),
            curve(
                "各阶段在制品 WIP by phase",
                "每一时刻最近一次状态的值：只在变化时记录，之间保持不变。"
                "The last state before every instant: states are kept when they change and hold until the next.",
                [sql(FILE, "phases", over_time=True)],
                "none",
                (24, 9),
                (("排队 queued", SKY), ("加工 running", BLUE), ("待转 finished", GREEN), ("暂扣 held", ORANGE)),
                stacked=True,
                limit="上限 limit",
            ),
            curve(
                "停留时间 Dwell p50 / p85 / p95",
                "离开 − 到达，每段内离开者的精确百分位。"
                "Departed − arrived: exact percentiles of those who left in each step.",
                [sql(FILE, "dwell", over_time=True)],
                "s",
                (12, 9),
                PERCENTILES,
                limit="限值 limit",
            ),
            curve(
                "停留的构成 Parts of dwell",
                "每段内离开者的平均：停留 = 排队 + 加工 + 待转 + 暂扣。"
                "Means of those who left: dwell = queue + process + wait + hold.",
                [sql(FILE, "dwell_parts", over_time=True)],
                "s",
                (12, 9),
                (("排队 queue", SKY), ("加工 process", BLUE), ("待转 wait", GREEN), ("暂扣 hold", ORANGE)),
                stacked=True,
            ),
            rows(
                "在场最久 Oldest stays",
                "在场最久的 20 个单元；距 p85 为负表示已超过近 8 小时的第 85 百分位。"
                "The 20 oldest stays; a negative time to p85 has passed the 85th percentile of the last 8 h.",
                sql(FILE, "aging"),
                (("已停留 age", "s"), ("距 p85 to p85", "s"), ("到达 arrived", "dateTimeAsIso")),
                (12, 11),
            ),
            curve(
                "每小时最高最低 Highest and lowest per hour",
                "每小时内记录到的最高与最低在制品；无变化的小时没有点。Per hour; an hour without change has no point.",
                [sql(FILE, "hours", over_time=True)],
                "none",
                (12, 11),
                (("最高 highest", PINK), ("最低 lowest", SKY)),
            ),
        ],
        [chosen_by_query("operation", "工序 Operation", statements(FILE)["operations"], DATABASE)],
    )
