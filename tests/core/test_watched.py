"""Files of a folder are known again: grown, moved, in chains, and never taken for one another."""

from hypothesis import given
from hypothesis import strategies as st

from services.core.records import Place
from services.core.watched import Noted, Seen, afresh, forgotten, is_passed_over, moved


def seen(name: str, inode: int, size: int = 10) -> Seen:
    return Seen(name, 1, inode, size, 7)


def noted(name: str, inode: int) -> Noted:
    return afresh(seen(name, inode)).at(seen(name, inode), Place(5, 1), "utf-8", "abc")


def test_a_chain_of_rotated_logs_keeps_what_is_known_of_each() -> None:
    notes = {"log": noted("log", 1), "log.1": noted("log.1", 2)}
    there = [seen("log", 3), seen("log.1", 1), seen("log.2", 2)]
    assert moved(there, notes) == {"log.1": "log", "log.2": "log.1"}


def test_a_file_that_has_two_names_or_no_inode_was_not_moved() -> None:
    assert moved([seen("a", 1), seen("link", 1)], {"a": noted("a", 1)}) == {}
    assert moved([seen("b", 0)], {"a": noted("a", 0)}) == {}


@given(st.permutations([1, 2, 3, 4]), st.integers(0, 4))
def test_files_that_change_names_among_each_other_keep_what_is_known_of_them(order: list[int], new: int) -> None:
    notes = {f"f{number}": noted(f"f{number}", number) for number in (1, 2, 3, 4)}
    there = [seen(f"f{place + new}", inode) for place, inode in enumerate(order, 1)]
    names = moved(there, notes)
    for each in there:
        assert notes[names.get(each.name, each.name)].inode == each.inode


def test_a_note_is_read_as_it_was_written_and_another_versions_is_none() -> None:
    note = noted("表.csv", 1).all_of(seen("表.csv", 1))
    assert Noted.of_text(note.text()) == note
    assert note.read_so(seen("表.csv", 1))
    assert not note.read_so(seen("表.csv", 1, size=11))
    for text in ("", "[]", "1", '{"name": "a", "colour": 1}', "{}"):
        assert Noted.of_text(text) is None


def test_of_very_many_files_those_that_are_gone_are_forgotten() -> None:
    notes = {f"f{number}": noted(f"f{number}", number) for number in range(10)}
    assert forgotten(notes, [seen("f3", 3)], most=8) == ["f0", "f1"]
    assert forgotten(notes, [], most=10) == []


def test_what_is_hidden_or_not_finished_is_passed_over() -> None:
    names = ["a.csv", ".a.csv", "~$a.xlsx", "a.csv.PART", "a.tmp", "a~"]
    assert [name for name in names if not is_passed_over(name)] == ["a.csv"]
