"""The plant wall: read from 8 m, by whoever walks past. No tables: their letters are too small."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import GridPos

from grafana.board import board
from grafana.look import BLUE, GREY, ORANGE, RED, SKY, STALE, bars, counts, data_age, number, steps
from grafana.queries import DATABASE, sql

FILE = "plant_wall"


def plant_wall() -> dashboard.Dashboard:
    """Is it current, how much is in process, where does it pile up, what does not move, what rings."""
    return board(
        "floorstream-plant-wall",
        "工厂看板 Plant wall",
        "现场总览，8 米可读；陈旧的数字变灰并写明。"
        "The floor at a glance, readable from 8 m; stale numbers turn grey and say so.",
        DATABASE,
        [
            data_age(),
            number(
                "在制品 WIP",
                "厂内单元数 = 工序中 + 在途。Units in the plant = in process + in transit.",
                sql(FILE, "plant_wip"),
                "none",
                steps(),
                missing=STALE,
            ),
            number(
                "在途 In transit",
                "已离开一道工序、尚未到达下一道的单元。Units that left an operation and reached no other yet.",
                sql(FILE, "in_transit"),
                "none",
                steps(),
                missing=STALE,
            ),
            number(
                "近一小时完工 Completed, last hour",
                "最近 60 分钟内完工的单元数。Units completed in the last 60 minutes.",
                sql(FILE, "completed_last_hour"),
                "none",
                steps((1, BLUE), base=GREY),
                missing=STALE,
            ),
            number(
                "滞留 Over dwell limit",
                "在工序停留超过工厂模型 dwell_limit 的单元数。"
                "Open stays longer than the dwell_limit of the plant model.",
                sql(FILE, "over_limit"),
                "none",
                steps((1, ORANGE), (10, RED)),
                missing=STALE,
            ),
            number(
                "断料 Starving",
                "在制品低于工厂模型 wip_min 的工序数。Operations with less WIP than the wip_min of the plant model.",
                sql(FILE, "starving"),
                "none",
                steps((1, ORANGE)),
                missing=STALE,
            ),
            bars(
                "在制品与上限 WIP against limits",
                "最满的八道工序：名称后为 在制品/上限，条长 = 在制品 ÷ wip_limit。"
                "The eight fullest operations: the name ends with WIP/limit, the bar is WIP ÷ wip_limit.",
                sql(FILE, "load"),
                "percent",
                steps((80, ORANGE), (100, RED)),
                (14, 16),
                missing=STALE,
            ).max(120),
            bars(
                "谁不动 What does not move",
                "停留时间最接近或超过允许值的五个单元：已停留 ÷ dwell_limit（未设则用近 8 小时 p85）。"
                "The five stays that used up most of what is allowed: age ÷ dwell_limit, else ÷ p85 of the last 8 h.",
                sql(FILE, "not_moving"),
                "percent",
                steps((80, ORANGE), (100, RED)),
                (10, 8),
                missing=STALE,
            ).max(200),
            bars(
                "报警 Alerts",
                "未结束的报警，紧急在前；条长为已持续时间。"
                "Alerts that are not over, most pressing first, and how long they last.",
                sql(FILE, "alerts"),
                "s",
                steps((0, ORANGE), (600, RED)),
                (10, 8),
            ).grid_pos(GridPos(8, 10, 14, 13)),
            counts(
                "设备 Machines",
                "各状态的设备数，由 PackML 状态名得出；从未上报的设备不计。"
                "Machines per condition, from PackML states by name; those that never told one are not counted.",
                sql(FILE, "machines"),
                (
                    ("运行 running", BLUE),
                    ("待料 starved", SKY),
                    ("堵料 blocked", ORANGE),
                    ("故障 down", RED),
                    ("停用 off", GREY),
                ),
                (14, 6),
            ).grid_pos(GridPos(6, 14, 0, 21)),
            bars(
                "故障最久 Down longest",
                "故障中的设备与已持续时间。Machines that are down, and for how long.",
                sql(FILE, "machines_down"),
                "s",
                steps((0, ORANGE), (300, RED)),
                (10, 6),
                missing=STALE,
            ).grid_pos(GridPos(6, 10, 14, 21)),
        ],
    )
