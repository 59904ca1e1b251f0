"""Kept events come back from their bytes as they went in, whatever their ids look like."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.core import kept
from services.core.scan import Action, Scan

UUIDS = st.uuids().map(str)
WORDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FFF, exclude_categories=["Cc", "Cs"]), min_size=1)
IDS = st.one_of(UUIDS, UUIDS.map(str.upper), UUIDS.map(lambda text: text.replace("-", "")), WORDS)
NAMES = st.none() | WORDS
NUMBERS = st.integers(0, 1 << 31)
AMOUNTS = st.none() | st.integers(-(10**24), 10**24)
SCANS = st.builds(
    Scan, IDS, st.integers(0, 1 << 60), st.sampled_from(Action), NAMES, NUMBERS, NUMBERS,
    NAMES, NAMES, NAMES, AMOUNTS, AMOUNTS, AMOUNTS,
)  # fmt: skip


def packed(scans: list[Scan]) -> bytes:
    found = b""
    for scan in scans:
        found = kept.insert(found, scan)
    return found


@given(st.lists(SCANS, max_size=6))
def test_events_come_back(scans: list[Scan]) -> None:
    assert kept.unpack(packed(scans)) == sorted(scans, key=lambda scan: scan.time)


@given(st.lists(SCANS, max_size=6, unique_by=lambda scan: scan.event_id), IDS)
def test_an_event_is_found_by_its_id_alone(scans: list[Scan], other: str) -> None:
    data, known = packed(scans), {scan.event_id: scan.content for scan in scans}
    assert {event_id: kept.content_of(data, event_id) for event_id in (*known, other)} == {other: None} | known


def test_an_id_of_the_same_bytes_as_a_uuid_is_another() -> None:
    text = "sixteen letters!"
    uuid = str(UUID(bytes=text.encode()))
    data = packed([Scan(uuid, 1, Action.ARRIVE, "A", 1, 7)])
    assert (kept.content_of(data, uuid), kept.content_of(data, text)) == (7, None)
    data = packed([Scan(text, 1, Action.ARRIVE, "A", 1, 7)])
    assert (kept.content_of(data, uuid), kept.content_of(data, text)) == (None, 7)


def test_a_uuid_takes_the_room_of_its_number() -> None:
    uuid = str(UUID(int=1))
    short, long = (kept.pack(Scan(event_id, 1, Action.ARRIVE, "A", 1)) for event_id in ("x", uuid))
    assert len(long) - len(short) == 16 - len("x|")
