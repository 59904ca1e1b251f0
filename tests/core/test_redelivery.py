"""A message that comes again after a crash is known by its packet identifier and content, over restarts."""

from hypothesis import given
from hypothesis import strategies as st

from services.core.redelivery import PLACES, RECEIVE_MAXIMUM, Redelivery


def test_what_was_taken_is_known_after_a_restart() -> None:
    place, said = Redelivery({}).took(7, "a/b", b"{}")
    after = Redelivery({place: said})
    assert after.is_taken(7, "a/b", b"{}")
    assert not after.is_taken(8, "a/b", b"{}"), "the same content, published again"
    assert not after.is_taken(7 + PLACES, "a/b", b"{}")
    assert not after.is_taken(7, "a/b", b"{1}"), "the identifier, used again"
    assert after.forget() == [place]
    assert not after.is_taken(7, "a/b", b"{}")


@given(st.integers(1, 65_000), st.integers(1, 5 * RECEIVE_MAXIMUM))
def test_whatever_may_come_again_is_remembered(first: int, under_way: int) -> None:
    memory, notes = Redelivery({}), {}
    for packet in range(first, first + under_way):
        place, said = memory.took(packet, "t", b"the same")
        notes[place] = said
    again = Redelivery(notes)
    assert all(again.is_taken(packet, "t", b"the same") for packet in range(first, first + under_way))
    assert len(notes) <= PLACES
