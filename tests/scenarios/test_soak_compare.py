"""The comparison of stored visits with the truth: what it must notice, and what it must not count as clean."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from loadtest.disorder import Happened
from loadtest.soak.compare import Comparison, Known, Stay, TruthFile, judge
from loadtest.truth import TrueVisit

SECOND = 1_000_000
FIRST = Stay(1, "B.PRINT", 10 * SECOND, 20 * SECOND, 30 * SECOND, 40 * SECOND, "moved", 0, False)
LAST = Stay(2, "PACK", 50 * SECOND, None, None, None, "open", None, False)
TRUE = (FIRST, LAST)


def judged(
    stored: Sequence[Stay], *, happened: Happened = Happened.NOTHING, refused: Sequence[str] = (),
    uploads: Sequence[tuple[int, int]] = (),
) -> Comparison:  # fmt: skip
    """What comes of one unit."""
    known = Known({"U": happened} if happened else {}, {"U": uploads} if uploads else {}, {"B.PRINT"})
    found = Comparison()
    judge("U", TRUE, stored, refused, known, found)
    return found


def test_what_is_stored_as_it_was_is_equal() -> None:
    found = judged(TRUE)
    assert (found.units, found.clean, found.visits, found.different) == (1, 1, 2, 0)


@pytest.mark.parametrize(
    "stored",
    [
        (FIRST,),
        (),
        (*TRUE, LAST._replace(seq=3)),
        *((FIRST._replace(**{name: 1}), LAST) for name in ("arrived", "started", "finished", "departed", "held")),
        (FIRST._replace(started=20 * SECOND + 1), LAST),
        (FIRST._replace(finished=None), LAST),
        (FIRST._replace(outcome="scrapped"), LAST),
        (FIRST._replace(operation="B.PLACE"), LAST),
        (FIRST._replace(rework=True), LAST),
        (FIRST, LAST._replace(started=60 * SECOND)),
    ],
)
def test_anything_else_is_different(stored: Sequence[Stay]) -> None:
    found = judged(stored)
    assert (found.clean, found.different) == (1, 1)
    assert found.differences[0].startswith("U: ")


@pytest.mark.parametrize("late", [0, 1, SECOND])
def test_corrected_times_may_be_as_late_as_their_upload_took(late: int) -> None:
    stored = (FIRST._replace(started=20 * SECOND + late), LAST)
    found = judged(stored, uploads=[(20 * SECOND, SECOND)])
    assert (found.clean, found.corrected, found.different) == (1, 1, 0)


@pytest.mark.parametrize(
    "stored",
    [
        (FIRST._replace(started=20 * SECOND - 1), LAST),
        (FIRST._replace(started=21 * SECOND + 1), LAST),
        (FIRST._replace(held=1), LAST),
        (FIRST._replace(outcome="completed"), LAST),
        (FIRST._replace(finished=None), LAST),
        (FIRST, LAST._replace(arrived=50 * SECOND + 1)),
    ],
)
def test_but_not_earlier_nor_later_nor_elsewhere(stored: Sequence[Stay]) -> None:
    assert judged(stored, uploads=[(20 * SECOND, SECOND)]).different == 1


@pytest.mark.parametrize("upload", [(20 * SECOND, 10 * SECOND), (30 * SECOND, 2 * SECOND)])
def test_a_corrected_read_that_may_have_changed_places_is_not_clean(upload: tuple[int, int]) -> None:
    found = judged((), uploads=[upload])
    assert (found.clean, found.different) == (0, 0)
    assert found.unclean == {"corrected by a slow upload": 1}


@pytest.mark.parametrize("happened", [Happened.MISSED, Happened.CLOCK_WRONG])
def test_a_disturbed_unit_is_counted_by_reason_and_not_compared(happened: Happened) -> None:
    found = judged((), happened=happened)
    assert (found.clean, found.different) == (0, 0)
    assert found.unclean == {str(happened.name).lower(): 1}


def test_a_refusal_is_counted_where_the_disorder_explains_it() -> None:
    found = judged((), happened=Happened.UNKNOWN_READER, refused=["unknown_read_point"])
    assert (found.clean, found.different) == (0, 0)


@pytest.mark.parametrize("reason", ["unknown_read_point", "conflicting_duplicate", "clock_ahead", "malformed"])
def test_a_refusal_that_nothing_explains_is_a_difference(reason: str) -> None:
    assert judged(TRUE, refused=[reason]).different == 1


def test_the_truth_comes_back_from_its_file(tmp_path: Path) -> None:
    truth = TruthFile(tmp_path / "truth.jsonl")
    visit = TrueVisit("U", 1, "PACK", 5, 6, 7, 8, "completed", 1, True)
    truth.tell([visit, TrueVisit("U", 2, "PACK", 9)])
    assert list(truth.read()) == [
        (
            "U",
            [
                Stay(1, "PACK", 5, 6, 7, 8, "completed", 1, True),
                Stay(2, "PACK", 9, None, None, None, "open", None, False),
            ],
        )
    ]
    assert truth.units == 1
