"""Headers of a raw scan as JSON: in their order, each value as text where it is text without NUL, else as its bytes."""

import json
from base64 import b64encode
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from services.adapters.sink_wire import header_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.just("\x00"), max_size=6)
VALUES = st.none() | TEXTS.map(str.encode) | st.binary(max_size=6)


def as_it_is_kept(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\x00"
    return {"base64": b64encode(value).decode()} if "\x00" in text else text


@given(st.lists(st.tuples(TEXTS, VALUES), max_size=4))
@example([("source", b"mes"), ("path", b"\\u0000")])
@example([("a\x00b", b"mes"), ("c", None)])
def test_headers_come_back_from_their_json(headers: list[tuple[str, bytes | None]]) -> None:
    found = json.loads(header_json(headers))
    assert found == [[name.replace("\x00", ""), as_it_is_kept(value)] for name, value in headers]
