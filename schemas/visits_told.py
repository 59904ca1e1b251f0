"""What a subscriber to visits gets: the body of a signed POST. Fields of a visit are those of floor.visits.

At least once: take each `key` once. Of one visit, (unit_id, visit_seq), the greatest (generation, revision) is the
truth, whatever order things arrive in.
"""

from typing import Literal

from pydantic import Field

from schemas.message import Generation, Message, UnitId
from schemas.visits import VisitRow


class _Told(Message):
    key: str = Field(description="unit_id (percent-encoded)/visit_seq/generation.revision")
    unit_id: UnitId
    generation: Generation
    revision: int = Field(ge=1, description="accepted events of the unit")


class VisitChanged(_Told, VisitRow):
    """A visit as it is now."""

    deleted: Literal[False]


class VisitVanished(_Told):
    """There is no such visit any more: a late event or a void has changed the unit's history."""

    visit_seq: int = Field(ge=1)
    deleted: Literal[True]


class VisitsTold(Message):
    """One message. Visits of a unit are in the order of their revisions."""

    subscriber: str = Field(description="its name in the channels file")
    visits: list[VisitChanged | VisitVanished] = Field(description="empty in a test message")
