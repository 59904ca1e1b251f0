"""The quantile sketch: what one duration, a few, and a wrong one do to it."""

import pytest

from services.core.sketch import GAMMA, RELATIVE_ERROR, ZERO_BUCKET, Sketch, bucket_of, value_of

MINUTE = 60_000_000


def sketch_of(*durations: int) -> Sketch:
    sketch = Sketch()
    for us in durations:
        sketch.add(us)
    return sketch


def test_error_bound_is_within_one_percent() -> None:
    assert RELATIVE_ERROR < 0.01


def test_zero_has_its_own_bucket_below_one_microsecond() -> None:
    assert bucket_of(0) == ZERO_BUCKET < bucket_of(1) == 0
    assert value_of(ZERO_BUCKET) == 0.0


@pytest.mark.parametrize("bucket", [36, 500, 1500])
def test_bucket_answers_with_the_same_relative_distance_from_both_edges(bucket: int) -> None:
    low, high = GAMMA**bucket, GAMMA ** (bucket + 1)
    assert (value_of(bucket) - low) / low == pytest.approx((high - value_of(bucket)) / high)


def test_a_year_in_microseconds_fits_the_stated_number_of_buckets() -> None:
    assert bucket_of(366 * 24 * 60 * MINUTE) + 1 <= 1570


def test_empty_sketch_has_no_quantile() -> None:
    assert Sketch().quantile(0.5) is None
    assert Sketch().quantiles((0.5, 0.85)) == [None, None]
    assert Sketch().count() == 0


def test_quantile_is_the_lower_rank() -> None:
    sketch = sketch_of(*(minute * MINUTE for minute in range(1, 12)))  # ranks 0..10
    for p, minutes in ((0.0, 1), (0.5, 6), (0.85, 9), (0.95, 10), (1.0, 11)):
        assert sketch.quantile(p) == pytest.approx(minutes * MINUTE, rel=0.01)


def test_quantiles_in_one_pass_are_those_asked_for_one_by_one() -> None:
    sketch = sketch_of(0, 0, 5, 5_000, MINUTE)
    ps = (0.0, 0.25, 0.5, 0.5, 0.99, 1.0)
    assert sketch.quantiles(ps) == [sketch.quantile(p) for p in ps]


def test_removing_the_only_value_leaves_no_bucket() -> None:
    sketch = sketch_of(MINUTE)
    sketch.remove(MINUTE)
    assert sketch == Sketch()


def test_removing_what_was_never_added_is_refused_and_changes_nothing() -> None:
    sketch = sketch_of(MINUTE)
    with pytest.raises(ValueError, match="holds nothing"):
        sketch.remove(2 * MINUTE)
    assert sketch == sketch_of(MINUTE)


def test_negative_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="never negative"):
        Sketch().add(-1)


def test_subtracting_more_than_is_held_is_refused_and_changes_nothing() -> None:
    sketch = sketch_of(5, MINUTE)
    with pytest.raises(ValueError, match="cannot subtract"):
        sketch.subtract(sketch_of(5, MINUTE, MINUTE))
    assert sketch == sketch_of(5, MINUTE)


def test_a_sketch_can_be_subtracted_from_itself() -> None:
    sketch = sketch_of(5, MINUTE)
    sketch.subtract(sketch)
    assert sketch == Sketch()


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_a_share_outside_zero_to_one_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match=r"within 0\.\.1"):
        sketch_of(1).quantile(p)


@pytest.mark.parametrize("pairs", [[(-2, 1)], [(3, 0)], [(3, 1), (3, 1)]])
def test_pairs_that_are_no_sketch_are_refused(pairs: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="not a sketch"):
        Sketch.from_pairs(pairs)
