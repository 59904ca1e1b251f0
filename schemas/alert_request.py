"""The body of POST /v1/alerts/ALERT_ID/acknowledge, /shelve and /unshelve; from it show makes an AlertAction."""

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from schemas.instant import Instant
from schemas.message import Count, EventId, Id, Message
from schemas.text import cleaned

MOST_REASON = 500


def _reason(value: object) -> str:
    return cleaned(value, MOST_REASON)


Why = Annotated[
    str, BeforeValidator(_reason), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MOST_REASON})
]


class AlertRequest(Message):
    """What somebody wants done about an alert."""

    incident: Count = Field(description="the incident the person saw; a later one is left alone")
    action_id: EventId | None = Field(default=None, description="identity; a retry repeats it. Left out: a new one")
    by: Id | None = Field(default=None, description="who; needed unless the link says it")
    reason: Why | None = Field(default=None, description="shelve: why; needed there")
    until: Instant | None = Field(default=None, description="shelve: until then; left out: until it has returned")
