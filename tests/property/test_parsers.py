"""Whatever others send or write: every reader of it gives a value or its own error, and never another."""

import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.channels import ChannelsError, load_channels
from schemas.mapping import MappingError, load_mapping
from schemas.plant import PlantError, load_plant
from services.adapters.alert_links import BadLink
from services.adapters.alert_links import read as read_alert_link
from services.adapters.api_keys import Key, NoAccess, key_of
from services.adapters.epcis_wire import BadDocument, read_document, read_epcis
from services.adapters.problems import Problem
from services.adapters.wire import decode_event, decode_line, decode_marker
from services.commands.log_file import read_lines
from services.commands.plant_log import Columns, read_log
from services.core.errors import BadScan
from services.core.gs1 import read_link, read_scanned
from services.core.gs1_ai import BadGs1
from services.core.gs1_names import read_name, read_urn
from services.core.instant import parse_instant
from services.show.routes import _opened
from tests.fake_log import FixedClock

MARKS = st.text(
    alphabet=string.punctuation + string.digits + "{}[]:,\"'\\ \n\t\x00\x1d\ufeff\ud83d工位*&!<?", max_size=60
)
TEXTS = st.one_of(MARKS, st.text(max_size=60))
WORDS = st.sampled_from(
    ["a: &a [*a]", "<<: *a", "!!python/object:x", "site:", "channels:", "fields:", "1e999", "0001-01-01T00:00:00Z",
     "9999-12-31T23:59:59+14:00", "https://id.gs1.org/01/", "urn:epc:id:sgtin:", "]d2", "(01)", '{"a":', "[" * 99]
)  # fmt: skip
ANYTHING = st.one_of(TEXTS, st.lists(st.one_of(WORDS, TEXTS), max_size=6).map("".join))
BYTES = st.one_of(
    st.binary(max_size=120),
    ANYTHING.map(lambda text: text.encode("utf-8", "surrogatepass")),
    ANYTHING.map(lambda text: text.encode("gb18030", "replace")),
)
Reader = Callable[[Any], object]


class NoKeys:
    """There is one key, and its secret is nobody's."""

    def find(self, key_id: str) -> Key | None:
        """The key, whatever its id."""
        return Key(key_id, "gate", bytes(32), None, None)


def authorized(text: str) -> Key:
    return key_of(NoKeys(), text, FixedClock(0))


@pytest.mark.parametrize(
    ("read", "own"),
    [
        (load_plant, PlantError), (load_channels, ChannelsError), (load_mapping, MappingError),
        (read_scanned, BadGs1), (read_link, BadGs1), (read_urn, BadGs1), (read_name, BadGs1),
        (parse_instant, ValueError), (_opened, Problem), (authorized, NoAccess),
        (lambda text: read_alert_link(b"k" * 32, text, 0), BadLink),
    ],
    ids=[
        "plant", "channels", "mapping", "scanned", "digital link", "EPC URN", "GS1 name", "instant", "cursor", "key",
        "alert link",
    ],
)  # fmt: skip
@given(text=ANYTHING)
def test_any_text_is_read_or_refused(read: Reader, own: type[Exception], text: str) -> None:
    try:
        read(text)
    except own:
        return


@pytest.mark.parametrize(
    ("read", "own"),
    [
        (decode_event, BadScan), (decode_line, BadScan), (decode_marker, ()), (read_document, BadDocument),
        (read_epcis, BadScan),
    ],
    ids=["record", "line of a log", "marker", "EPCIS document", "EPCIS event"],
)  # fmt: skip
@given(data=BYTES)
def test_any_bytes_are_read_or_refused(read: Reader, own: Any, data: bytes) -> None:
    try:
        read(data)
    except own:
        return


@pytest.mark.parametrize("read", [read_lines, read_log])
def test_a_quote_that_is_never_closed_is_said_with_its_line(
    tmp_path: Path, read: Callable[..., Iterator[object]]
) -> None:
    path = tmp_path / "log.csv"
    path.write_text('unit_id,event_time\nA,2026-11-23T14:00:00Z\n"' + "B" * 200_000, "utf-8")
    with pytest.raises(ValueError, match=r"after line 2: .* is a quote not closed"):
        list(read(path, None, "UTC", "utf-8"))


COLUMNS = Columns({"unit_id": ("a",), "event_time": ("b", "c")})


@pytest.mark.parametrize("columns", [None, COLUMNS], ids=["JSON Lines", "CSV"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@given(data=BYTES)
def test_any_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, columns: Columns | None, encoding: str, data: bytes
) -> None:
    path = Path(tmp_path_factory.getbasetemp()) / "log.txt"
    path.write_bytes(data if columns is None else b"a,b,c\r\n" + data)
    for read in (read_lines, read_log):
        try:
            found = list(read(path, columns, "Asia/Shanghai", encoding))
        except (UnicodeError, ValueError):
            continue
        assert len(found) <= data.count(b"\n") + data.count(b"\r") + 2
