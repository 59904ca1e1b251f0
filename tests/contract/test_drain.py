"""What `drain` makes of how far the stages have come."""

from services.commands.drain import Progress, covered

BARRIERS = {0: 10, 1: 5}


def test_nobody_is_behind_when_rows_and_board_cover_the_barriers() -> None:
    assert Progress({0: 10, 1: 7}, {0: 11, 1: 5}).behind(BARRIERS) == []


def test_rows_alone_behind_name_the_store() -> None:
    [line] = Progress({0: 8, 1: 5}, {0: 10, 1: 5}).behind(BARRIERS)
    assert line == "store is behind: the rows lack 2 records (partition 0: 2)"


def test_a_board_alone_behind_names_aggregate_or_show() -> None:
    [line] = Progress({0: 10, 1: 5}, {0: 10}).behind(BARRIERS)
    assert line == "aggregate or show is behind: the counts lack 6 records (partition 1: 6)"


def test_both_behind_name_track() -> None:
    [line] = Progress({}, {0: 9, 1: 5}).behind(BARRIERS)
    assert line.startswith("track ")


def test_the_board_of_another_generation_covers_nothing() -> None:
    board = {"plant": {"state": {"coverage": {"0": [1, 20], "1": [2, 30]}}}}
    assert covered(board, 2) == {1: 30}


def test_a_board_without_numbers_yet_covers_nothing() -> None:
    assert covered({"plant": {"state": None}}, 1) == covered({"plant": None}, 1) == {}
