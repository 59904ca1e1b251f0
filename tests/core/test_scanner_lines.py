"""Bytes of a scanner → lines and codes."""

from hypothesis import given
from hypothesis import strategies as st

from services.core.scanner_lines import MOST_LINE, Lines, code_of

CODES = st.binary(min_size=1, max_size=40).filter(lambda code: not set(code) & set(b" \t\r\n\x00\x02\x03\x04\x06"))


@given(st.lists(CODES), st.sampled_from([b"\r", b"\n", b"\r\n", b"\x03"]), st.integers(1, 7))
def test_codes_arrive_however_they_are_cut_into_pieces(codes: list[bytes], end: bytes, size: int) -> None:
    data = b"".join(b"\x02" + code + end for code in codes)
    lines = Lines()
    found = [line for at in range(0, len(data), size) for line, _ in lines.feed(data[at : at + size])]
    assert found == codes
    assert lines.begun == b""


@given(st.lists(st.binary(max_size=100)))
def test_no_bytes_break_anything(pieces: list[bytes]) -> None:
    lines = Lines()
    for piece in pieces:
        for line, too_long in lines.feed(piece):
            assert line
            assert not too_long


def test_an_endless_line_is_cut_said_and_fills_no_memory() -> None:
    lines = Lines()
    for _ in range(160):
        assert list(lines.feed(b"x" * 65_536)) == []
        assert len(lines.begun) == MOST_LINE
    assert list(lines.feed(b"y\rgood\r")) == [(b"x" * MOST_LINE, True), (b"good", False)]


def test_a_symbology_identifier_is_taken_away_unless_it_is_wanted() -> None:
    assert code_of("]A0SN-1", keep_symbology=False) == "SN-1"
    assert code_of("]C1010952123456788121\x1d", keep_symbology=True) == "]C1010952123456788121\x1d"
    assert code_of("SN]A0", keep_symbology=False) == "SN]A0"
