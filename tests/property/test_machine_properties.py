"""Machine histories against a slow reading of them minute by minute, and against other orders of delivery."""

from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.calendar import WorkingCalendar
from services.core.machines import HORIZON_US, MOST_KEPT, Course, History, Reading, Taken
from services.core.packml import Condition, Rules, State, conditions
from services.core.shift_pieces import last_edge, next_edge, plant_days
from services.core.shift_plan import CalendarException, ShiftPattern

MINUTE = 60_000_000
HOUR = 60 * MINUTE
QUIET = settings(max_examples=100, database=None)


def us(*moment: int) -> int:
    return round(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc]


SHIFTS = [
    ShiftPattern("A", "06:00", "14:00", (("10:00", "10:30"),)),
    ShiftPattern("B", "14:00", "22:00"),
    ShiftPattern("N", "22:00", "06:00", (("01:30", "02:15"),)),
]
TWO = [ShiftPattern("A", "08:00", "16:00", (("12:00", "13:00"),)), ShiftPattern("B", "16:00", "00:00")]
OFF_DAY = [CalendarException(datetime(2026, 10, 24, tzinfo=UTC).date(), off=True)]
CALENDARS = {
    "three shifts": WorkingCalendar("Europe/Berlin", "mon-sun", SHIFTS),
    "two shifts": WorkingCalendar("Europe/Berlin", "mon-fri", TWO, OFF_DAY),
    "plant days": plant_days("Europe/Berlin"),
}
BEGINS = [us(2026, 10, 23, 3), us(2026, 10, 24, 20), us(2026, 3, 28, 18)]
"""Before the clocks go back, and before they go forward."""

states = st.sampled_from(list(State))
rules_of = st.builds(
    Rules,
    st.builds(
        conditions,
        st.dictionaries(st.sampled_from(["suspended", "held", "idle", "stopped"]), st.sampled_from(list(Condition))),
    ),
    st.sampled_from(list(CALENDARS.values())),
)


@st.composite
def readings(draw: st.DrawFn, most: int = 30, gap: int = 300) -> list[Reading]:
    time, found = draw(st.sampled_from(BEGINS)), []
    for number in range(draw(st.integers(1, most))):
        time += draw(st.integers(0, gap)) * MINUTE
        state = draw(st.one_of(st.none(), states))
        good = draw(st.integers(0, 99)) if state is None else draw(st.one_of(st.none(), st.integers(0, 99)))
        found.append(Reading(time, f"e{draw(st.integers(0, 9))}{number}", state, good, None, 100))
    return sorted(found)


def taken(given: list[Reading], rules: Rules) -> History:
    history = History()
    for reading in given:
        history.take(reading, rules)
    return history


def slow_times(given: list[Reading], rules: Rules, as_of: int) -> dict[tuple[str, str], dict[Condition, int]]:
    """Minute by minute: which shift, does anybody work, what was last told."""
    found: dict[tuple[str, str], dict[Condition, int]] = {}
    told = [(reading.time, reading.state) for reading in given if reading.state is not None]
    state, at = None, 0
    for minute in range(told[0][0] if told else as_of, as_of, MINUTE):
        while at < len(told) and told[at][0] <= minute:
            state, at = told[at][1], at + 1
        shift = rules.calendar.shift_at(minute)
        if shift is not None and state is not None:
            working = rules.calendar.working_us(minute, minute + MINUTE) == MINUTE
            times = found.setdefault((shift.plant_date.isoformat(), shift.shift_id), dict.fromkeys(Condition, 0))
            times[rules.condition(state, working)] += MINUTE
    return found


@QUIET
@given(readings(), rules_of, st.integers(0, 2000))
def test_times_per_shift_are_those_of_the_slow_clock(given: list[Reading], rules: Rules, later: int) -> None:
    as_of = given[-1].time + later * MINUTE
    course = taken(given, rules).view(as_of, rules)
    slow = slow_times(given, rules, as_of)
    for shift in course.shifts:
        expected = slow.get((shift.plant_date, shift.shift_id), dict.fromkeys(Condition, 0))
        assert dict(zip(Condition, shift.times, strict=True)) == expected
        assert sum(shift.times) + shift.unknown(as_of) == min(as_of, shift.end) - shift.start
    newest = [key for key in slow if slow[key]][-len(course.shifts) :]
    assert {(shift.plant_date, shift.shift_id) for shift in course.shifts} >= set(newest[-2:])


@QUIET
@given(readings(), rules_of, st.randoms(use_true_random=False))
def test_neither_order_nor_repeats_change_anything(given: list[Reading], rules: Rules, random: Random) -> None:
    first, others = given[0], given[1:] + random.sample(given, len(given) // 2)
    random.shuffle(others)
    # Within the bounds: nothing is further back than is kept open when it comes.
    others = [reading for reading in others if reading.time > given[-1].time - HORIZON_US]
    history = History()
    for reading in [first, *others]:
        history.take(reading, rules)
    assert history.late == 0
    expected = taken([first, *sorted(set(others) - {first})], rules)
    as_of = given[-1].time + HOUR
    assert history.view(as_of, rules) == expected.view(as_of, rules)


@settings(QUIET, max_examples=20)
@given(st.integers(0, 40), st.randoms(use_true_random=False))
def test_what_is_absorbed_counts_as_if_it_were_kept(shuffled: int, random: Random) -> None:
    rules = Rules(conditions({}), CALENDARS["three shifts"])
    everything = [
        Reading(BEGINS[0] + number * MINUTE, str(number), random.choice(list(State)), number)
        for number in range(MOST_KEPT + 300)
    ]
    history = History()
    for at in range(0, len(everything), shuffled + 1):
        part = everything[at : at + shuffled + 1]
        random.shuffle(part)
        assert {history.take(reading, rules) for reading in part} == {Taken.NEW}
    assert len(history.kept) == MOST_KEPT
    course = Course()
    for reading in everything:
        course = course.step(reading, rules)
    assert history.tip(rules) == course


@QUIET
@given(readings(), rules_of, st.integers(0, 600))
def test_time_may_pass_in_one_step_or_in_many(given: list[Reading], rules: Rules, step: int) -> None:
    course = taken(given, rules).tip(rules)
    slowly, until = course, course.at + 3000 * MINUTE
    while slowly.at < until:
        slowly = slowly.until(min(until, slowly.at + (step + 1) * MINUTE), rules)
    assert slowly == course.until(until, rules)


@QUIET
@given(st.sampled_from(list(CALENDARS)), st.sampled_from(BEGINS), st.integers(0, 6000))
def test_between_two_edges_nothing_changes(name: str, begin: int, minutes: int) -> None:
    calendar, at = CALENDARS[name], begin + minutes * MINUTE
    edge = next_edge(calendar, at, at + 8 * 24 * HOUR)
    assert edge is not None
    assert last_edge(calendar, at, edge) == edge

    def is_at(minute: int) -> tuple[object, bool]:
        return calendar.shift_at(minute), calendar.working_us(minute, minute + MINUTE) > 0

    assert {is_at(minute) for minute in range(at, edge, MINUTE)} == {is_at(at)}
    assert is_at(edge) != is_at(edge - MINUTE)


def test_behind_the_edge_is_late() -> None:
    rules = Rules(conditions({}), CALENDARS["plant days"])
    history = taken([Reading(BEGINS[0], "a", State.EXECUTE), Reading(BEGINS[0] + HORIZON_US + 1, "b")], rules)
    before = history.tip(rules)
    assert history.take(Reading(BEGINS[0], "c", State.STOPPED), rules) is Taken.LATE
    assert (history.late, history.tip(rules)) == (1, before)


def test_one_instant_is_bounded() -> None:
    rules = Rules(conditions({}), CALENDARS["plant days"])
    given = [Reading(BEGINS[0], f"{number}", None, number) for number in range(MOST_KEPT + 5)]
    assert taken(given, rules).late == 5


@pytest.mark.parametrize(
    ("state", "inside", "outside"),
    [
        (State.EXECUTE, Condition.RUNNING, Condition.RUNNING),
        (State.SUSPENDED, Condition.BLOCKED, Condition.BLOCKED),
        (State.UNSUSPENDING, Condition.BLOCKED, Condition.BLOCKED),
        (State.HELD, Condition.DOWN, Condition.DOWN),
        (State.ABORTED, Condition.DOWN, Condition.DOWN),
        (State.STOPPED, Condition.DOWN, Condition.OFF),
        (State.IDLE, Condition.STARVED, Condition.OFF),
    ],
)
def test_what_a_state_means(state: State, inside: Condition, outside: Condition) -> None:
    rules = Rules(conditions({"suspended": "blocked"}), CALENDARS["two shifts"])
    working, break_begins = us(2026, 10, 22, 7), us(2026, 10, 22, 10)
    history = taken([Reading(working, "a", state)], rules)
    assert (history.view(working, rules).condition, history.view(working, rules).since) == (inside, working)
    in_break = history.view(break_begins, rules)
    assert in_break.condition is outside
    assert in_break.since == (working if inside is outside else break_begins)
