"""Ids of events in few bytes: a UUID, or one that we made ourselves, is 16 bytes behind a mark; others are their text.

    \\x01 + 16 bytes   a UUID as RFC 9562 writes it: 8-4-4-4-12 lower-case digits
    \\x02 + 16 bytes   32 lower-case hex digits, as identity.made_event_id makes them
    UTF-8             anything else, upper-case UUIDs included; cleaned text never begins with a mark

One id has one form, so that equal ids are equal bytes and the text comes back letter by letter.
"""

LENGTH = 17
"""Bytes of a short id that begins with a mark."""
LAST_MARK = 2

_UUID, _DIGITS = b"\x01", b"\x02"


def short(event_id: str) -> bytes:
    """The id in its one short form."""
    if len(event_id) == 36:
        digits, mark = event_id.replace("-", ""), _UUID
        if not event_id[8] == event_id[13] == event_id[18] == event_id[23] == "-":
            return event_id.encode()
    else:
        digits, mark = event_id, _DIGITS
    if len(digits) == 32:
        try:
            data = bytes.fromhex(digits)
        except ValueError:
            return event_id.encode()
        if data.hex() == digits:
            return mark + data
    return event_id.encode()


def text_of(data: bytes) -> str:
    """The id that `short` was given."""
    mark = data[:1]
    if mark == _UUID:
        digits = data[1:].hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    return data[1:].hex() if mark == _DIGITS else data.decode()
