"""What people read about an alert."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.messages import Facts, Message, plain, sum_up, tell
from services.core.notices import facts_of
from tests.notify_alerts import MINUTE, T0, counted, plant, record, returned, version

PLANT = plant()


def facts(kind: str = "firing", **changes: object) -> Facts:
    alert = counted(returned(**changes)) if kind == "resolved" else version(**changes)
    return facts_of(alert, PLANT, kind)


def lines(message: Message) -> dict[str, str]:
    return {line.label: line.text for line in message.lines if line.label}


def test_a_pile_up_in_chinese() -> None:
    message = tell(facts(), "zh")
    assert message.title == "【中】印刷：在制品超上限"
    assert lines(message) == {
        "地点": "印刷 (L1.OP10) · 一号线",
        "情况": "在制 43，上限 40",
        "先找": "SN-1 (15 分钟)",
        "处理": "疏通下道工序，或暂停向本工序投料",
        "时间": "11-23 14:00",
    }


def test_a_pile_up_in_english() -> None:
    message = tell(facts(priority="critical"), "en")
    assert message.title == "[Critical] Print: WIP above the limit"
    assert lines(message)["Situation"] == "43 units, limit 40"
    assert lines(message)["Find first"] == "SN-1 (15 min)"


def test_both_languages_begin_with_chinese() -> None:
    message = tell(facts(), "both")
    assert message.title == "【中】印刷：在制品超上限 / [Medium] Print: WIP above the limit"
    assert message.lines[0].label == "地点"
    assert "Where" in lines(message)


def test_a_rule_says_what_to_do() -> None:
    alert = {"rule_id": "down", "measure": "machine_down_for", "subject_id": "PLACER", "limit": 5 * MINUTE}
    message = tell(facts(**alert, value=7 * MINUTE, units=[]), "zh")
    assert lines(message)["处理"] == "叫维修"
    assert lines(message)["情况"] == "已停机 7 分钟，限 5 分钟"
    assert lines(message)["地点"] == "贴片机 (PLACER) · 一号线"


def test_units_that_stay_too_long_are_counted_and_the_oldest_named() -> None:
    units = [{"unit_id": f"U{n}", "visit_id": "v", "arrived_us": T0 - (30 - n) * MINUTE} for n in range(8)]
    alert = {"measure": "unit_dwell_above", "subject_id": "L1.OP20", "limit": 15 * MINUTE, "value": 30 * MINUTE}
    message = tell(facts(**alert, units=units, units_over=12, units_over_is_least=True), "zh")
    assert lines(message)["情况"] == "≥ 12 件停留超过 15 分钟，最久 30 分钟"
    assert lines(message)["先找"].startswith("U0 (30 分钟)，U1 (29 分钟)")
    assert lines(message)["先找"].endswith("，另有 3 件")


@pytest.mark.parametrize(
    ("end", "words"),
    [("returned", "已回到限内"), ("disproved", "补录的采集表明并未超限"), ("removed", "规则已取消")],
)
def test_the_end_says_how_long_it_lasted_and_how_it_ended(end: str, words: str) -> None:
    message = tell(facts("resolved", end=end), "zh")
    assert message.title == "【已恢复】印刷：在制品超上限"
    assert lines(message)["持续"] == "2 分钟"
    assert lines(message)["结束"] == words
    assert not message.urgent


def test_a_digest_counts_and_names_the_most_urgent_first() -> None:
    many = [facts(alert_id=f"a{n}", priority="low") for n in range(30)]
    urgent = facts(alert_id="z", priority="critical", subject_id="L1.OP20", measure="unit_dwell_above")
    message = sum_up([*many, facts("resolved"), urgent], "zh")
    assert message.title == "【汇总】告警 31 条，恢复 1 条"
    assert message.lines[0].label == "【紧急】"
    assert "贴片" in message.lines[0].text
    assert message.lines[-1].text == "另有 24 条，见告警列表"


def test_a_unit_of_an_unknown_operation_is_told_by_its_id() -> None:
    assert "GONE" in tell(facts(subject_id="GONE"), "zh").title


@given(st.text(max_size=400))
def test_whatever_an_id_holds_it_stays_one_line_of_visible_text(text: str) -> None:
    shown = plain(text)
    assert len(shown) <= 120
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Zl", "Zp", "Cs"}
    assert len(shown.splitlines()) <= 1


def test_a_message_has_room_for_the_longest_names() -> None:
    units = [{"unit_id": "长" * 256, "visit_id": "v", "arrived_us": T0 - MINUTE} for _ in range(10)]
    assert len(tell(facts_of(counted(record(units=units)), PLANT, "firing"), "both").text.encode()) < 6_000
