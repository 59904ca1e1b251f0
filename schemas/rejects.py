"""floor.rejects: events that were refused, with the reason, how to mend it, and their original bytes."""

from enum import StrEnum

from pydantic import Field

from schemas.message import Base64, Generation, Message, Micros


class Reason(StrEnum):
    """Why an event is refused; the list is closed."""

    MALFORMED = "malformed"
    UNKNOWN_READ_POINT = "unknown_read_point"
    UNKNOWN_OPERATION = "unknown_operation"
    AMBIGUOUS_TIME = "ambiguous_time"
    CLOCK_AHEAD = "clock_ahead"
    TOO_LATE = "too_late"
    CONFLICTING_DUPLICATE = "conflicting_duplicate"


class Origin(StrEnum):
    """Where it was refused."""

    KAFKA = "kafka"
    HTTP = "http"


class Bilingual(Message):
    """The same in English and Chinese."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)


class Reject(Message):
    """One refused event. (partition, offset) is where it first stood in floor.scans; both −1 for HTTP."""

    generation: Generation
    partition: int = Field(ge=-1, description="partition of floor.scans; −1: refused by HTTP, never in the log")
    offset: int = Field(ge=-1, description="offset in floor.scans; −1: refused by HTTP")
    id: str | None = Field(default=None, description="hash of the request, for HTTP refusals")
    reason: Reason
    detail: Bilingual = Field(description="which field, what is expected, how to mend it")
    recorded_us: Micros = Field(description="when the system first saw it")
    source: str = Field(description="who sent it")
    unit_id: str | None = Field(default=None, description="best effort: null where it cannot be read")
    event_id: str | None = Field(default=None, description="best effort: null where it cannot be read")
    value: Base64 = Field(description="the original bytes, base64")
    key: Base64 | None = Field(default=None, description="the original key, base64")
    origin: Origin
