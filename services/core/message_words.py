"""The words of messages, Chinese and English; those of the contract as schemas/glossary.yaml has them."""

from dataclasses import dataclass
from typing import TypeAlias

Both: TypeAlias = dict[str, str]


@dataclass(frozen=True, slots=True)
class Words:
    """The fixed words of one language."""

    language: str
    priority: str
    where: str
    situation: str
    find_first: str
    action: str
    when: str
    lasted: str
    ended: str
    digest: str
    digest_more: str
    and_more: str
    seconds: str
    minutes: str
    hours: str
    comma: str
    colon: str
    space: str


LABELS: dict[str, Words] = {
    "zh": Words(
        language="zh", priority="【{}】", where="地点", situation="情况", find_first="先找", action="处理",
        when="时间", lasted="持续", ended="结束", digest="【汇总】告警 {wrong} 条，恢复 {over} 条",
        digest_more="另有 {} 条，见告警列表", and_more="，另有 {} 件", seconds="{} 秒", minutes="{} 分钟",
        hours="{} 小时", comma="，", colon="：", space="",
    ),
    "en": Words(
        language="en", priority="[{}]", where="Where", situation="Situation", find_first="Find first", action="Do",
        when="When", lasted="Lasted", ended="End", digest="[Digest] {wrong} alerts, {over} over",
        digest_more="and {} more, see the list of alerts", and_more=", and {} more", seconds="{} s",
        minutes="{} min", hours="{} h", comma=", ", colon=": ", space=" ",
    ),
}  # fmt: skip

PRIORITIES: dict[str, Both] = {
    "critical": {"zh": "紧急", "en": "Critical"},
    "high": {"zh": "高", "en": "High"},
    "medium": {"zh": "中", "en": "Medium"},
    "low": {"zh": "低", "en": "Low"},
}
"""Most urgent first."""

HEADS: dict[str, Both] = {
    "still_active": {"zh": "【仍在告警】", "en": "[Still active]"},
    "resolved": {"zh": "【已恢复】", "en": "[Over]"},
}

MEASURES: dict[str, Both] = {
    "wip_above": {"zh": "在制品超上限", "en": "WIP above the limit"},
    "wip_below": {"zh": "断料", "en": "starvation"},
    "unit_dwell_above": {"zh": "单元滞留", "en": "units that do not move"},
    "no_departure_for": {"zh": "长时间无转出", "en": "nothing leaves"},
    "machine_down_for": {"zh": "设备停机", "en": "machine down"},
}

SITUATIONS: dict[str, Both] = {
    "wip_above": {"zh": "在制 {value}，上限 {limit}", "en": "{value} units, limit {limit}"},
    "wip_below": {"zh": "在制 {value}，下限 {limit}", "en": "{value} units, at least {limit} expected"},
    "unit_dwell_above": {
        "zh": "{over} 件停留超过 {limit}，最久 {value}",
        "en": "{over} units longer than {limit}, the longest {value}",
    },
    "no_departure_for": {"zh": "已 {value} 无转出，限 {limit}", "en": "nothing has left for {value}, limit {limit}"},
    "machine_down_for": {"zh": "已停机 {value}，限 {limit}", "en": "down for {value}, limit {limit}"},
}

ACTIONS: dict[str, Both] = {
    "wip_above": {
        "zh": "疏通下道工序，或暂停向本工序投料",
        "en": "clear the next step, or stop feeding this one",
    },
    "wip_below": {"zh": "向上道工序催料，或调拨物料", "en": "ask the step before for units, or bring material"},
    "unit_dwell_above": {"zh": "找到所列单元，加工或转走", "en": "find the units listed; work on them or move them"},
    "no_departure_for": {"zh": "到现场查看为何没有产出", "en": "go and see why nothing leaves"},
    "machine_down_for": {"zh": "到机台查看，通知维修", "en": "go to the machine, call maintenance"},
}
"""What to do where the rule does not say it."""

ENDS: dict[str, Both] = {
    "returned": {"zh": "已回到限内", "en": "back inside the limit"},
    "disproved": {
        "zh": "补录的采集表明并未超限",
        "en": "scans that came late show that the limit was not passed",
    },
    "removed": {"zh": "规则已取消", "en": "the rule was removed"},
}
