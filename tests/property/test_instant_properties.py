"""The reading of instants against the standard library's datetime."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.core.instant import AmbiguousTime, SourceClock, format_instant, parse_instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.builds(datetime.combine, st.dates(date(2000, 1, 3), date(9999, 12, 29)), st.times(), OFFSETS)
ZONES = st.sampled_from(
    ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Caracas"]
)


@given(MOMENTS)
def test_it_reads_what_datetime_writes(moment: datetime) -> None:
    assert parse_instant(moment.isoformat()) == (moment - EPOCH) // MICROSECOND


@given(MOMENTS)
def test_what_is_written_is_read_back_and_is_datetimes_text(moment: datetime) -> None:
    us = (moment - EPOCH) // MICROSECOND
    text = format_instant(us)
    assert parse_instant(text) == us
    assert text == moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


@given(st.text(alphabet="0123456789-:.TtZz+ W", max_size=32))
def test_any_text_is_an_instant_for_datetime_too_or_refused(text: str) -> None:
    try:
        us = parse_instant(text)
    except ValueError:
        return
    moment = datetime.fromisoformat(text.upper())
    assert us == (moment - EPOCH) // MICROSECOND


@given(st.builds(datetime.combine, st.dates(date(2001, 1, 1), date(2037, 1, 1)), st.times()), ZONES)
def test_a_local_time_has_one_instant_two_or_none(local: datetime, zone: str) -> None:
    """The instants at which a clock on the wall shows this time, by asking the clock at all of them."""
    around = [(local - timedelta(minutes=offset)).replace(tzinfo=UTC) for offset in range(-14 * 60, 14 * 60 + 1, 30)]
    shown = {at for at in around if at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local}
    try:
        us = SourceClock(zone, "rfc3339").parse(local.isoformat())
    except AmbiguousTime:
        assert len(shown) == 2
    except ValueError:
        assert len(shown) == 0
    else:
        assert shown == {EPOCH + us * MICROSECOND}
