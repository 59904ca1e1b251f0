"""Whom an alert concerns."""

import pytest

from services.core.roster import Recipient, recipients
from tests.notify_alerts import MINUTE, PLANT, T0, plant

HOUR = 60 * MINUTE
ROBOT = Recipient("robot", "", "zh", ("zhang",))
HOOK = Recipient("hook", "", "both", ("wang",))


def test_the_team_of_the_work_center_and_who_is_on_duty_there() -> None:
    found = recipients(plant(), "wip_limit", "L1.OP10", T0)
    assert found == [ROBOT, Recipient("zhang-phone", "zhang", "zh"), HOOK]


@pytest.mark.parametrize(
    ("hours_later", "who"),
    [(5.99, "zhang"), (6, "li"), (15.99, "li"), (16, None), (17.99, None), (18, "zhang")],
    ids=["end of day", "begin of night", "end of night", "between shifts", "still between", "next day"],
)
def test_the_shift_of_that_instant_says_who_across_midnight(hours_later: float, who: str | None) -> None:
    found = recipients(plant(), "wip_limit", "L1.OP10", T0 + int(hours_later * HOUR))
    assert [r.member for r in found if r.member] == ([] if who is None else [who])
    assert found[0].mentions == (() if who is None else (who,))


def test_a_rule_that_names_a_team_calls_that_one_only() -> None:
    assert recipients(plant(), "down", "PLACER", T0) == [Recipient("robot", "", "both", ("wang",)), HOOK]


def test_a_channel_of_two_teams_is_told_once() -> None:
    keys = [recipient.key for recipient in recipients(plant(), "wip_limit", "L1.OP10", T0)]
    assert len(keys) == len(set(keys))


def test_without_a_team_it_concerns_nobody() -> None:
    assert recipients(plant(), "wip_limit", "L3.OP10", T0) == []


def test_the_plant_model_of_the_alert_decides_not_a_newer_one() -> None:
    newer = plant(PLANT.replace("A: [zhang]", "A: [li]"), 2)
    assert [r.member for r in recipients(newer, "wip_limit", "L1.OP10", T0) if r.member] == ["li"]
    assert [r.member for r in recipients(plant(), "wip_limit", "L1.OP10", T0) if r.member] == ["zhang"]
