"""An event's fate as JSON for programs and as one sentence in each language for people."""

from collections.abc import Mapping
from typing import Any

from schemas.glossary import glossary
from services.adapters.fate_read import FrontRefusal, UnitEvent
from services.adapters.wire import OUTCOME_NAMES, PHASE_NAMES, STATUS_NAMES, decimal_text
from services.core.cures import CURES
from services.core.fate import Change, EventFate, How, Target, Told, What
from services.core.scan import Scan
from services.core.unit import flag_names

Document = dict[str, Any]
Words = dict[str, str]
"""The same in `en` and `zh`."""

_ORDER = (What.REFUSED, What.PENDING, What.FORWARDED)
"""Of an event that was accepted nowhere: which of its partitions speaks for it."""

_TARGETS: Mapping[Target, Words] = {
    Target.TAKEN_OUT: {"en": "which is taken out", "zh": "该事件已被撤销"},
    Target.UNKNOWN: {
        "en": "which this unit has not (yet): nothing changes until it comes",
        "zh": "该单元（尚）无此事件：在其到来前不产生变化",
    },
    Target.IS_VOID: {
        "en": "which is a void itself and cannot be voided: send the event again under a new id",
        "zh": "其本身是撤销，不能再被撤销：请以新的编号重新发送原事件",
    },
    Target.FINAL: {
        "en": "which was final already: nothing changes",
        "zh": "该事件此前已成定局：不产生变化",
    },
}

_CHANGED: Mapping[How, Words] = {
    How.OPENED: {"en": "opens visit {seq} at {operation}", "zh": "在 {operation} 开始第 {seq} 次停留"},
    How.CLOSED: {
        "en": "closes visit {seq} at {operation} ({now})",
        "zh": "结束在 {operation} 的第 {seq} 次停留（{now}）",
    },
    How.CHANGED: {
        "en": "changes visit {seq} at {operation} ({now})",
        "zh": "改变在 {operation} 的第 {seq} 次停留（{now}）",
    },
    How.REPEATED: {
        "en": "is a repeat in visit {seq} at {operation}",
        "zh": "是在 {operation} 第 {seq} 次停留中的重复读取",
    },
}


def answered(event_id: str, event: UnitEvent) -> Document:
    """The document of one unit's event."""
    fate = _speaker(event)
    records = [_record(told) for each in event.fates for told in each.records]
    records += [_front_record(refusal) for refusal in event.refusals]
    records.sort(key=lambda record: (record["recorded_us"], record["offset"] or 0))
    document: Document = {"event_id": event_id, "unit_id": event.unit_id, "generation": event.generation}
    if fate is None:
        refusal = event.refusals[-1]
        refused = _refused(refusal.reason, dict(refusal.detail))
        sentence = _refused_at_the_door(refusal.reason, dict(refusal.detail))
        return {**document, "fate": What.REFUSED, "sentence": sentence, **refused, "records": records}
    return {
        **document,
        "fate": fate.what,
        "sentence": {language: _sentence(fate, event.unit_id, language) for language in ("en", "zh")},
        **_details(fate),
        "records": records,
    }


def _speaker(event: UnitEvent) -> EventFate | None:
    """The partition that took the event in, else the one that knows most; None where only the front door saw it."""
    taken = [fate for fate in event.fates if fate.scan is not None]
    if taken:
        return taken[0]
    judged = [fate for fate in event.fates if fate.records]
    return min(judged, key=lambda fate: _ORDER.index(fate.what), default=None)


def _details(fate: EventFate) -> Document:
    scan = fate.scan
    if scan is None or fate.at is None:
        refusal = fate.last.refusal
        if refusal is None:
            return {}
        return _refused(str(refusal.reason), {"en": refusal.en, "zh": refusal.zh})
    effect = fate.effect
    document: Document = {
        "event": _event(scan),
        "partition": fate.at[0],
        "offset": fate.at[1],
        "revision": fate.accepted,
        "final": fate.final,
        "visits": [_visit(change) for change in effect.changes] if effect else [],
        "voided_by": fate.voided_by,
        "voids": scan.voids,
        "target": fate.target,
    }
    if effect is not None:
        pairs = ("before", effect.before), ("after", effect.after)
        document["unit"] = {
            name: {"status": STATUS_NAMES[state.status], "quantity": decimal_text(state.quantity)}
            for name, state in pairs
        }
    return document


def _event(scan: Scan) -> Document:
    amounts = {"quantity": scan.quantity, "scrap_quantity": scan.scrap_quantity, "quantity_delta": scan.quantity_delta}
    return {
        "event_time_us": scan.time,
        "action": scan.action.name.lower(),
        "operation_id": scan.operation,
        "work_unit_id": scan.work_unit,
        "product_id": scan.product,
        "model": scan.model,
        **{name: None if amount is None else decimal_text(amount) for name, amount in amounts.items()},
    }


def _visit(change: Change) -> Document:
    visit = change.visit
    return {
        "effect": change.how,
        "visit_seq": visit.seq,
        "visit_id": visit.visit_id,
        "operation_id": visit.operation,
        "flags": flag_names(change.flags),
        "phase": PHASE_NAMES[visit.phase],
        "held": visit.held,
        "outcome": OUTCOME_NAMES[visit.outcome],
    }


def _refused(reason: str, detail: Words) -> Document:
    return {"reason": reason, "detail": detail, "mend": CURES[reason]}


def _record(told: Told) -> Document:
    delivery, refusal = told.delivery, told.refusal
    first = {"partition": told.first[0], "offset": told.first[1]} if told.first else None
    return {
        "origin": "kafka", "partition": delivery.at[0], "offset": delivery.at[1], "recorded_us": delivery.recorded,
        "source": delivery.source, "fate": told.what, "reason": refusal and str(refusal.reason),
        "detail": refusal and {"en": refusal.en, "zh": refusal.zh}, "first": first,
    }  # fmt: skip


def _front_record(refusal: FrontRefusal) -> Document:
    return {
        "origin": "http", "partition": None, "offset": None, "recorded_us": refusal.recorded,
        "source": refusal.source, "fate": What.REFUSED, "reason": refusal.reason, "detail": dict(refusal.detail),
        "first": None,
    }  # fmt: skip


def _refused_at_the_door(reason: str, detail: Words) -> Words:
    name, mend = glossary()["reasons"][reason], CURES[reason]
    return {
        "en": f"Refused at the front door as {name.en}: {detail.get('en', '')}. To mend it: {mend['en']}.",
        "zh": f"入口处拒收（{name.zh}）：{detail.get('zh', '')}。处理办法：{mend['zh']}。",
    }


def _sentence(fate: EventFate, unit_id: str | None, language: str) -> str:
    english = language == "en"
    if fate.what is What.REFUSED:
        refusal = fate.last.refusal
        assert refusal is not None
        name, mend = glossary()["reasons"][refusal.reason], CURES[refusal.reason][language]
        if english:
            return f"Refused as {name.en}: {refusal.en}. To mend it: {mend}."
        return f"已拒收（{name.zh}）：{refusal.zh}。处理办法：{mend}。"
    if fate.what is What.PENDING:
        return "Stored, not judged yet: ask again in a moment." if english else "已存储，尚未处理：请稍后再查。"
    if fate.what is What.FORWARDED:
        if english:
            return "On its way to the partition of its unit: ask again in a moment."
        return "正转送至该单元所属的分区：请稍后再查。"
    return _accepted(fate, unit_id, language)


def _accepted(fate: EventFate, unit_id: str | None, language: str) -> str:
    english, scan = language == "en", fate.scan
    assert scan is not None
    if english:
        begin = f"Accepted as revision {fate.accepted} of unit {unit_id}: "
        end = " This is final." if fate.final else " An event that comes late may still change this."
    else:
        begin = f"已采纳，为单元 {unit_id} 的第 {fate.accepted} 版："
        end = "此结果已成定局。" if fate.final else "迟到的事件仍可能改变此结果。"
    stop = "." if english else "。"
    return begin + _said(fate, scan, language) + stop + end


def _said(fate: EventFate, scan: Scan, language: str) -> str:
    english = language == "en"
    if fate.target is not None:
        return (f"it voids {scan.voids}, " if english else f"撤销 {scan.voids}，") + _TARGETS[fate.target][language]
    if fate.effect is None:
        names = ", ".join(fate.voided_by)
        return f"but voided by {names}, so it counts for nothing" if english else f"但已被 {names} 撤销，不计入"
    if fate.what is What.STRAY:
        if english:
            return "a stray: the unit was not there, so no visit changes"
        return "为游离读取：当时该单元不在此处，停留不变"
    changes = [_change(change, language) for change in fate.effect.changes]
    changes += _unit_changes(fate, language)
    nothing = "nothing changes" if english else "没有变化"
    return (", " if english else "，").join(changes) or nothing


def _change(change: Change, language: str) -> str:
    words, visit = glossary(), change.visit
    english = language == "en"
    if change.how is How.CLOSED:
        entry = words["outcomes"][OUTCOME_NAMES[visit.outcome]]
    else:
        entry = words["phases"]["held" if visit.held else PHASE_NAMES[visit.phase]]
    now = entry.en if english else entry.zh
    text = _CHANGED[change.how][language].format(seq=visit.seq, operation=visit.operation, now=now)
    flags = [words["flags"][name] for name in flag_names(change.flags)]
    if flags:
        joined = ", ".join([flag.en if english else flag.zh for flag in flags])
        text += f" [{joined}]"
    return text


def _unit_changes(fate: EventFate, language: str) -> list[str]:
    assert fate.effect is not None
    before, after = fate.effect.before, fate.effect.after
    changes = []
    if after.status != before.status:
        entry = glossary()["statuses"][STATUS_NAMES[after.status]]
        changes.append(f"the unit is {entry.en} now" if language == "en" else f"单元转为{entry.zh}")
    if after.quantity != before.quantity:
        amount = decimal_text(after.quantity)
        changes.append(f"its quantity is {amount} now" if language == "en" else f"数量变为 {amount}")
    return changes
