"""When a partition counts as standing still."""

from services.track.progress import GIVE_UP_S, READ_AGAIN_S, Judgement, Progress, Rounds


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


def test_records_that_wait_in_our_own_buffer_are_not_asked_for() -> None:
    progress, rounds = Progress(), Rounds()
    judged = set()
    for now in map(float, range(50)):
        rounds.taken(
            2, now
        )  # frames of the second round, one after the other, while the consumer goes on round and round
        judged.add(progress.judge(0, -1, 20, rounds.through(10 * int(now), now), now))
    assert judged == {Judgement.FINE}


def test_records_that_are_not_among_those_of_three_rounds_are_asked_for() -> None:
    progress, rounds = Progress(), Rounds()
    for round in range(2, 6):
        now = round * READ_AGAIN_S
        rounds.taken(round, now)
        judgement = progress.judge(0, -1, 20, rounds.through(round, now), now)
    assert judgement is Judgement.READ_AGAIN


def test_every_other_partition_may_take_its_turns_first() -> None:
    progress, judged = Progress(), []
    for round in range(40):
        for partition in range(1, 8):
            progress.judge(partition, round, 100, round, float(round))
        judged.append(progress.judge(0, -1, 100, round, float(round)))
    first = judged.index(Judgement.READ_AGAIN)
    assert 20 <= first <= 30


def test_where_no_frame_is_taken_the_rounds_of_the_consumer_count() -> None:
    rounds = Rounds()
    rounds.taken(3, 0.0)
    assert rounds.through(7, READ_AGAIN_S) == 2
    assert rounds.through(7, READ_AGAIN_S + 0.1) == 6


def test_an_agent_that_stays_with_one_frame_is_stuck() -> None:
    progress, rounds = Progress(), Rounds()
    rounds.taken(1, 0.0)
    judged = [progress.judge(0, 9, 20, rounds.through(int(now), float(now)), float(now)) for now in range(120)]
    assert judged[-1] is Judgement.STUCK
