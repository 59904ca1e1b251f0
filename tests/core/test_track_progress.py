"""When a partition counts as standing still."""

from services.track.progress import GIVE_UP_S, READ_AGAIN_S, Judgement, Progress


def judge(progress: Progress, offset: int, end: int | None, now: float) -> Judgement:
    """Of partition 0, with many rounds handed out meanwhile."""
    return progress.judge(0, offset, end, int(now * 100), now)


def test_nothing_waiting_is_fine_for_ever() -> None:
    progress = Progress()
    assert {judge(progress, 9, 10, float(now)) for now in range(200)} == {Judgement.FINE}


def test_an_unknown_end_is_fine() -> None:
    progress = Progress()
    assert {judge(progress, 9, None, float(now)) for now in range(200)} == {Judgement.FINE}


def test_waiting_records_are_asked_for_again_and_again() -> None:
    progress = Progress()
    judge(progress, 9, 20, 0.0)
    assert judge(progress, 9, 20, READ_AGAIN_S) is Judgement.FINE
    assert judge(progress, 9, 20, READ_AGAIN_S + 0.1) is Judgement.READ_AGAIN
    assert judge(progress, 9, 20, READ_AGAIN_S + 0.2) is Judgement.FINE
    assert judge(progress, 9, 20, 2 * READ_AGAIN_S + 0.3) is Judgement.READ_AGAIN


def test_progress_starts_the_clock_anew() -> None:
    progress = Progress()
    judge(progress, 9, 20, 0.0)
    assert judge(progress, 10, 20, READ_AGAIN_S + 1) is Judgement.FINE
    assert judge(progress, 10, 20, READ_AGAIN_S + 2) is Judgement.FINE


def test_what_does_not_move_at_all_is_stuck() -> None:
    progress = Progress()
    judge(progress, 9, 20, 0.0)
    assert judge(progress, 9, 20, GIVE_UP_S + 1) is Judgement.STUCK


def test_a_partition_that_waits_its_turn_is_fine() -> None:
    progress = Progress()
    assert {progress.judge(0, 9, 20, now // 100, float(now)) for now in range(250)} == {Judgement.FINE}
