"""Turnover and cash for those who answer for inventory, with the audit that says whether to believe it."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import GridPos

from grafana.board import board, chosen_by_query
from grafana.look import BLUE, GREEN, ORANGE, RED, bars, curve, data_age, number, rows, steps
from grafana.queries import DATABASE, sql, statements

FILE = "turnover"
FORM = (
    "周转率 = 时段内完工量 × 365 天 ÷ ∫在制品 dt（含在途，按每个单元的停留精确积分，非快照平均）。"
    "Turns = output of the range × 365 days ÷ ∫WIP dt, in transit included, integrated from every unit's stay."
)


def turnover() -> dashboard.Dashboard:
    """In-process inventory turns of the chosen range, in pieces and in money."""
    return board(
        "floorstream-turnover",
        "周转与资金 Turnover and cash",
        f"在制品周转率（ISO 22400-2 口径，厂内）。{FORM} 日历：自然时间；时段：看板所选。"
        "Calendar: wall clock; window: the range chosen.",
        DATABASE,
        [
            number("周转率（件）Turns, pieces", FORM, sql(FILE, "turns"), "none", steps(), (6, 5)).decimals(1),
            number(
                "周转率（金额）Turns, money",
                f"{FORM} 金额：完工时成本 ÷ ∫成本 dt，成本取产品 unit_cost，不随工序累积。"
                "Money: cost of what was completed ÷ ∫cost dt; cost is the product's unit_cost at every operation.",
                sql(FILE, "turns_money"),
                "none",
                steps(),
                (6, 5),
            ).decimals(1),
            number(
                "在制品天数 Days of WIP",
                "365 ÷ 周转率（件）。365 ÷ turns (pieces).",
                sql(FILE, "days"),
                "none",
                steps(),
                (6, 5),
            ).decimals(3),
            number(
                "平均占用资金 Average cash in process",
                "∫(数量 × unit_cost) dt ÷ 时段长，所选币种。"
                "∫(quantity × unit_cost) dt ÷ length, in the chosen currency.",
                sql(FILE, "average_value"),
                "none",
                steps(),
                (6, 5),
            ).decimals(0),
            curve(
                "在制品 WIP over time",
                "厂内单元（含在途），每步末的精确值。"
                "Units in the plant, in transit included, exact at the end of each step.",
                [sql(FILE, "inventory", over_time=True)],
                "none",
                (12, 9),
                (("在制品 WIP", BLUE),),
            ),
            curve(
                "占用资金 Cash in process over time",
                "厂内单元的 数量 × unit_cost。Quantity × unit_cost of the units in the plant.",
                [sql(FILE, "inventory_value", over_time=True)],
                "none",
                (12, 9),
                (("占用资金 cash", GREEN),),
            ),
            bars(
                "各工序占用资金 Cash parked per operation",
                "时段内平均停放在各工序与在途的资金。"
                "Average cash that lay at each operation and in transit in the range.",
                sql(FILE, "parked"),
                "none",
                steps(),
                (12, 14),
            ).decimals(0),
            number(
                "利特尔自检 Little's-law self-audit",
                "同一 ∫WIP dt 算两遍：逐单元停留求和；从当前计数按进出倒推。相对差 > 1e-9 即计数有错，请报系统维护。"
                "∫WIP dt twice: the sum of stays, and the counter walked back. A gap above 1e-9 is a counting bug.",
                sql(FILE, "audit_gap"),
                "sci",
                steps((1e-9, RED)),
                (4, 5),
            ),
            number(
                "无成本单元 Units without cost",
                "厂内未知产品或产品无 unit_cost 的单元：它们不计入金额。"
                "Units whose product or unit_cost is unknown: not in the money.",
                sql(FILE, "without_cost"),
                "none",
                steps((1, ORANGE)),
                (4, 5),
            ),
            data_age(),
            rows(
                "自检两法 The two ways of the audit",
                "单位：单元·小时。In unit-hours.",
                sql(FILE, "audit"),
                (("相对差 gap", "sci"),),
            ).grid_pos(GridPos(4, 12, 12, 19)),
            rows(
                "流动 Flow",
                "L 与 λ·W 之差持续增大表示未完工单元在变老；流动效率 = Σ加工 ÷ Σ流程时间（完工者）。"
                "A growing gap between L and λ·W: unfinished units age. Efficiency = Σ process ÷ Σ flow time.",
                sql(FILE, "flow"),
                (
                    ("平均流程时间 mean flow time", "s"),
                    ("差 gap", "percentunit"),
                    ("流动效率 efficiency", "percentunit"),
                ),
            ).grid_pos(GridPos(5, 12, 12, 23)),
        ],
        [chosen_by_query("currency", "币种 Currency", statements(FILE)["currencies"], DATABASE)],
        since="now-24h",
        refresh="1m",
    )
