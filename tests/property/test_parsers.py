"""Whatever others send or write: every reader of it gives a value or its own error, and never another."""

import string
from collections.abc import Callable
from functools import partial
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
from services.adapters.epcis_wire import BadDocument, TooManyEvents, read_document, read_epcis
from services.adapters.problems import Problem
from services.adapters.wire import decode_event, decode_line, decode_marker
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
        (decode_event, BadScan), (decode_line, BadScan), (decode_marker, ()),
        (partial(read_document, most=1), (BadDocument, TooManyEvents)), (read_epcis, BadScan),
    ],
    ids=["record", "line of a log", "marker", "EPCIS document", "EPCIS event"],
)  # fmt: skip
@given(data=BYTES)
def test_any_bytes_are_read_or_refused(read: Reader, own: Any, data: bytes) -> None:
    try:
        read(data)
    except own:
        return
