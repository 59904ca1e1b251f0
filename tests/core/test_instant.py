"""Instants as devices write them: what is read, what is refused, and what a source may declare."""

import pytest

from services.core.instant import AmbiguousTime, SourceClock, format_instant, parse_instant

SIX = parse_instant("2026-11-23T06:00:00Z")


@pytest.mark.parametrize(
    ("text", "after_six_us"),
    [
        ("2026-11-23T06:00:00Z", 0),
        ("2026-11-23t06:00:00z", 0),
        ("2026-11-23T14:00:00+08:00", 0),
        ("2026-11-22T23:30:00-06:30", 0),
        ("2026-11-23T06:00:00-00:00", 0),
        ("2026-11-23T06:00:00.5Z", 500_000),
        ("2026-11-23T06:00:00.000001Z", 1),
        ("2026-11-23T06:00:00.000001999Z", 1),
    ],
)
def test_rfc_3339_with_offset_is_read(text: str, after_six_us: int) -> None:
    assert parse_instant(text) == SIX + after_six_us


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-11-23", "2026-11-23T06:00Z", "2026-11-23 06:00:00Z", "20261123T060000Z", "2026-W48-1T06:00:00Z",
        "2026-11-23T06:00:60Z", "2026-11-23T24:00:00Z", "2026-02-29T06:00:00Z", "2026-13-01T06:00:00Z",
        "2026-11-23T06:00:00+24:00", "2026-11-23T06:00:00+08:60", "2026-11-23T06:00:00+0800", "2026-11-23T06:00:00.Z",
        "2026-11-23T06:00:00,5Z", " 2026-11-23T06:00:00Z", "2026-11-23T06:00:00Z\n", "２０２６-11-23T06:00:00Z",
        "1999-12-31T23:59:59.999999Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-00:01", "1795413600",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|there is no"):
        parse_instant(text)


def test_a_local_time_is_refused_naming_what_the_source_may_declare() -> None:
    with pytest.raises(ValueError, match=r"has no offset.*time_zone"):
        parse_instant("2026-11-23T06:00:00")


def test_an_instant_is_written_in_one_way() -> None:
    assert format_instant(parse_instant("2026-11-23T14:00:00.25+08:00")) == "2026-11-23T06:00:00.250000Z"


@pytest.mark.parametrize(
    ("zone", "form", "text"),
    [
        (None, "epoch_s", "1795413600"),
        (None, "epoch_s", "1795413600.000"),
        (None, "epoch_ms", "1795413600000"),
        (None, "epoch_ms", "1795413600000.0009"),
        ("Asia/Shanghai", "rfc3339", "2026-11-23T14:00:00"),
        ("Asia/Shanghai", "rfc3339", "2026-11-23T06:00:00Z"),
        ("Asia/Shanghai", "%Y-%m-%d %H:%M:%S", "2026-11-23 14:00:00"),
        ("Asia/Shanghai", "%d.%m.%Y %H:%M", "23.11.2026 14:00"),
        ("Asia/Shanghai", "%Y-%m-%d %H:%M:%S.%f", "2026-11-23 14:00:00.0000009"),
        ("Asia/Shanghai", "%Y-%m-%dT%H:%M:%SZ", "2026-11-23T14:00:00Z"),
        (None, "%Y-%m-%d %H:%M:%S%z", "2026-11-23 14:00:00+0800"),
        ("Asia/Shanghai", "%Y-%m-%d %H:%M:%S", "2026-11-23T06:00:00Z"),
        ("America/New_York", "epoch_ms", "2026-11-23T01:00:00-05:00"),
    ],
)
def test_a_source_is_read_as_it_declares(zone: str | None, form: str, text: str) -> None:
    assert SourceClock(zone, form).parse(text) == SIX


@pytest.mark.parametrize(
    ("zone", "form", "text", "clause"),
    [
        (None, "epoch_s", "yesterday", "seconds since 1970"),
        (None, "epoch_ms", "-5", "milliseconds since 1970"),
        (None, "epoch_ms", "1795413600", "years 2000 to 9999"),
        (None, "epoch_s", "9" * 18, "years 2000 to 9999"),
        (None, "%Y-%m-%d %H:%M:%S", "2026-11-23 14:00:00", "time_zone"),
        ("Asia/Shanghai", "%Y-%m-%d %H:%M:%S", "2026-11-23 14:00:60", "expected the form"),
        ("Asia/Shanghai", "%Y-%m-%d %H:%M:%S", "23/11/2026 14:00", "expected the form %Y"),
        ("Europe/Berlin", "rfc3339", "2026-03-29T02:30:00", "set forward"),
    ],
)
def test_what_it_does_not_declare_is_refused(zone: str | None, form: str, text: str, clause: str) -> None:
    with pytest.raises(ValueError, match=clause):
        SourceClock(zone, form).parse(text)


@pytest.mark.parametrize("text", ["2026-10-25T02:00:00", "2026-10-25T02:30:00", "2026-10-25T02:59:59.999999"])
def test_an_hour_that_was_shown_twice_is_ambiguous(text: str) -> None:
    with pytest.raises(AmbiguousTime, match="twice"):
        SourceClock("Europe/Berlin", "rfc3339").parse(text)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-10-25T01:59:59.999999", "2026-10-24T23:59:59.999999Z"),
        ("2026-10-25T03:00:00", "2026-10-25T02:00:00.000000Z"),
        ("2026-03-29T01:59:59", "2026-03-29T00:59:59.000000Z"),
        ("2026-03-29T03:00:00", "2026-03-29T01:00:00.000000Z"),
    ],
)
def test_next_to_a_clock_change_all_is_clear(text: str, utc: str) -> None:
    assert format_instant(SourceClock("Europe/Berlin", "rfc3339").parse(text)) == utc


@pytest.mark.parametrize("form", ["rfc3339", "epoch_s", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%fZ"])
def test_a_source_clock_reads_back_what_it_writes(form: str) -> None:
    clock = SourceClock("Asia/Shanghai", form)
    assert clock.parse(clock.write(SIX + 7)) == SIX + 7
