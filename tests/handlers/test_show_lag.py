"""Up to when numbers hold everything that was scanned."""

from services.show.lag import MOST_NOTES, TOLERATED_US, ScanLog
from tests.show_floor import SECOND, T0

LATER = T0 + 100 * SECOND


def log_of(*ends: int, every: int = 2 * SECOND) -> ScanLog:
    """Ends of partition 0, seen one after another from T0 on."""
    log = ScanLog()
    for n, end in enumerate(ends):
        log.note({0: end}, T0 + n * every)
    return log


def test_without_notes_nothing_is_said() -> None:
    assert ScanLog().true_until_us({"0": (1, 5)}, LATER) is None


def test_numbers_are_true_until_the_covered_end_was_last_seen() -> None:
    assert log_of(150, 180, 180, 260).true_until_us({"0": (1, 180)}, LATER) == T0 + 4 * SECOND


def test_numbers_that_cover_the_newest_end_are_on_time() -> None:
    log = log_of(150, 180)
    assert log.true_until_us({"0": (1, 179)}, T0 + 2 * SECOND + TOLERATED_US) is None


def test_nothing_seen_of_the_log_for_long_is_no_proof_of_being_on_time() -> None:
    assert log_of(150, 180).true_until_us({"0": (1, 179)}, LATER) == T0 + 2 * SECOND


def test_the_partition_furthest_back_counts() -> None:
    log = log_of(10)
    log.note({0: 10, 1: 50}, LATER)
    log.note({0: 10, 1: 90}, LATER + 20 * SECOND)
    assert log.true_until_us({"0": (1, 9), "1": (1, 49)}, LATER + 20 * SECOND) == LATER


def test_a_partition_nothing_is_counted_of_is_true_until_its_first_scan_was_seen() -> None:
    assert log_of(0, 40).true_until_us({}, LATER) == T0


def test_numbers_behind_everything_seen_are_true_until_we_began_to_look() -> None:
    assert log_of(500, 600).true_until_us({"0": (1, 3)}, LATER) == T0


def test_the_end_of_a_transaction_is_no_scan_that_is_missing() -> None:
    log = log_of(101)
    assert log.true_until_us({"0": (1, 99)}, T0) is None
    log.note({0: 101}, LATER)
    assert log.true_until_us({"0": (1, 99)}, LATER) is None


def test_a_broker_that_answers_too_low_moves_nothing_back() -> None:
    log = log_of(100, 90)
    assert log.true_until_us({"0": (1, 95)}, LATER) == T0


def test_a_scan_that_is_missing_stays_missing_although_no_other_comes() -> None:
    assert log_of(100, 105, 105, 105).true_until_us({"0": (1, 99)}, LATER) == T0


def test_a_long_stop_keeps_few_notes() -> None:
    log = log_of(*range(0, 40 * MOST_NOTES, 20))
    assert log.true_until_us({"0": (1, -1)}, LATER * 2) == T0
    log.note({0: 40 * MOST_NOTES}, LATER * 2)
    assert log.true_until_us({"0": (1, 40 * MOST_NOTES)}, LATER * 2) is None
