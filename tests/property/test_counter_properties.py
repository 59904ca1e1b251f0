"""Counters against a machine that knows how many parts it has made."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.counter import Counter, forward
from services.core.machines import History, Reading
from services.core.packml import Rules, conditions
from services.core.shift_pieces import plant_days

QUIET = settings(max_examples=300, database=None)
RULES = Rules(conditions({}), plant_days("UTC"))
SECOND = 1_000_000
BEGIN = 1_795_400_000_000_000


@st.composite
def machines(draw: st.DrawFn) -> tuple[list[Reading], int, int]:
    """Readings of a machine, how many parts it made since the first, and how often its counter was reset.

    Between two readings it makes fewer than half a modulus of parts, also over an outage, when nothing is read; when
    it is reset, that is read at once, as devices that report every change do.
    """
    modulus = draw(st.sampled_from([10, 100, 65_536]))
    counter, made, resets, time = draw(st.integers(0, modulus - 1)), 0, 0, BEGIN
    found = [Reading(time, "0", None, counter, None, modulus)]
    for number in range(1, draw(st.integers(2, 40))):
        time += draw(st.sampled_from([SECOND, 10 * SECOND, 3_600 * SECOND]))
        fell = 0 < counter <= (modulus - 1) // 2 and draw(st.integers(0, 5)) == 0
        parts = 0 if fell else draw(st.integers(0, modulus // 2))
        counter, made, resets = 0 if fell else (counter + parts) % modulus, made + parts, resets + fell
        found.append(Reading(time, str(number), None, counter, None, modulus))
    return found, made, resets


@QUIET
@given(machines(), st.randoms(use_true_random=False))
def test_parts_are_counted_through_rollover_reset_and_outage(machine: tuple[list[Reading], int, int], random) -> None:  # type: ignore[no-untyped-def]
    readings, made, resets = machine
    history = History()
    history.take(readings[0], RULES)
    others = [*readings[1:], *random.sample(readings[1:], len(readings) // 3)]
    late = random.randrange(len(others))
    others = others[late:] + others[:late] if readings[-1].time - BEGIN < 24 * 3_600 * SECOND else others
    for reading in others:
        history.take(reading, RULES)
    good = history.tip(RULES).good
    assert (good.total, good.resets) == (made, resets)


@QUIET
@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40), st.none() | st.integers(2, 1 << 32))
def test_no_step_is_negative(old: int, new: int, modulus: int | None) -> None:
    step = forward(old, new, modulus)
    assert step is None or step >= 0


def test_without_a_modulus_every_fall_is_a_reset() -> None:
    assert Counter().read(65_000, None).read(3, None).read(8, None) == Counter(8, 5, None, 1)


def test_the_modulus_is_remembered() -> None:
    assert Counter().read(65_000, 65_536).read(3, None) == Counter(3, 539, 65_536, 0)


def test_a_fall_of_more_than_half_a_modulus_forward_is_a_reset() -> None:
    assert (forward(50, 0, 100), forward(49, 0, 100)) == (50, None)


def test_a_reading_above_the_modulus_proves_it_wrong() -> None:
    assert forward(120, 10, 100) is None
