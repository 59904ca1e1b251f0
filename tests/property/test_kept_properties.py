"""Kept events as bytes: whatever the ids look like, what goes in comes out, and a repeat is found by its id alone."""

from hypothesis import given
from hypothesis import strategies as st

from services.core import kept
from services.core.scan import Action, Scan
from services.core.short_id import LENGTH, short, text_of

HEX = "0123456789abcdef"
DIGITS = st.text(alphabet=HEX + "AF -", min_size=31, max_size=37)
TEXTS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=40)
IDS = st.one_of(
    st.uuids().map(str), st.uuids().map(lambda made: made.hex), st.uuids().map(lambda made: str(made).upper()),
    st.uuids().map(lambda made: f"{{{made}}}"), DIGITS, TEXTS, st.sampled_from(["a", "ab", "b", "a" * 32]),
)  # fmt: skip
NUMBERS = st.none() | st.integers(-(10**20), 10**20)
SCANS = st.builds(
    Scan, IDS, st.integers(0, 50), st.sampled_from(Action), st.none() | TEXTS, st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1), st.none() | TEXTS, st.none() | TEXTS, st.none() | IDS, NUMBERS, NUMBERS, NUMBERS,
)  # fmt: skip


def packed(scans: list[Scan]) -> bytes:
    data = b""
    for scan in scans:
        data = kept.insert(data, scan)
    return data


@given(IDS)
def test_an_id_comes_back_letter_by_letter(event_id: str) -> None:
    assert text_of(short(event_id)) == event_id


@given(st.uuids())
def test_ids_as_they_mostly_are_take_17_bytes(made: object) -> None:
    assert len(short(str(made))) == LENGTH
    assert len(short(str(made).replace("-", ""))) == LENGTH
    assert short(str(made)) != short(str(made).replace("-", ""))


@given(st.lists(SCANS, max_size=8))
def test_events_come_back_in_order_of_time(scans: list[Scan]) -> None:
    assert kept.unpack(packed(scans)) == sorted(scans, key=lambda scan: scan.time)


@given(st.lists(SCANS, max_size=8, unique_by=lambda scan: scan.event_id), IDS)
def test_an_event_is_found_by_its_id_and_nothing_else_is(scans: list[Scan], other: str) -> None:
    data, contents = packed(scans), {scan.event_id: scan.content for scan in scans}
    for event_id in (*contents, other):
        assert kept.content_of(data, event_id) == contents.get(event_id)


@given(st.lists(SCANS, min_size=1, max_size=8))
def test_the_oldest_instant_is_taken_whole(scans: list[Scan]) -> None:
    gone, rest = kept.take_first_instant(packed(scans))
    assert {scan.time for scan in gone} == {min(scan.time for scan in scans)}
    assert gone + kept.unpack(rest) == sorted(scans, key=lambda scan: scan.time)
