"""The sketch against the sorted list of its values, and its algebra: any order, grouping, retraction."""

from hypothesis import given
from hypothesis import strategies as st

from services.core.sketch import RELATIVE_ERROR, Sketch, bucket_of, value_of

durations = st.one_of(st.integers(0, 100), st.integers(0, 10**9), st.integers(0, 10**18))
samples = st.lists(durations, max_size=60)


def sketch_of(values: list[int]) -> Sketch:
    sketch = Sketch()
    for us in values:
        sketch.add(us)
    return sketch


@given(durations)
def test_every_value_is_answered_within_the_stated_error(us: int) -> None:
    assert abs(value_of(bucket_of(us)) - us) <= us * 0.01


@given(durations, durations)
def test_buckets_keep_the_order_of_values(a: int, b: int) -> None:
    low, high = sorted((a, b))
    assert bucket_of(low) <= bucket_of(high)


@given(st.lists(durations, min_size=1, max_size=200), st.floats(0, 1))
def test_quantile_is_within_the_stated_error_of_the_true_one(values: list[int], p: float) -> None:
    true = sorted(values)[int(p * (len(values) - 1))]
    found = sketch_of(values).quantile(p)
    assert found is not None
    assert abs(found - true) <= true * (RELATIVE_ERROR + 1e-6)


@given(samples, samples)
def test_removal_leaves_the_sketch_that_never_saw_the_values(kept: list[int], removed: list[int]) -> None:
    sketch = sketch_of(kept + removed)
    for us in removed:
        sketch.remove(us)
    assert sketch == sketch_of(kept)
    assert sketch.pairs() == sketch_of(kept).pairs()


@given(samples, samples, samples)
def test_merge_is_the_sketch_of_all_values_in_any_grouping(a: list[int], b: list[int], c: list[int]) -> None:
    left = sketch_of(a)
    left.merge(sketch_of(b))
    left.merge(sketch_of(c))
    tail = sketch_of(c)
    tail.merge(sketch_of(b))
    right = sketch_of(a)
    right.merge(tail)
    assert left == right == sketch_of(c + b + a)


@given(samples, samples)
def test_subtraction_undoes_a_merge(a: list[int], b: list[int]) -> None:
    sketch = sketch_of(a)
    sketch.merge(sketch_of(b))
    sketch.subtract(sketch_of(b))
    assert sketch == sketch_of(a)


@given(samples)
def test_pairs_make_the_same_sketch_again(values: list[int]) -> None:
    assert Sketch.from_pairs(sketch_of(values).pairs()) == sketch_of(values)
