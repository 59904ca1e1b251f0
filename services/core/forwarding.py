"""What a server's answer to a request of queued readings means: who leaves the queue, who stays, and what is next.

A reading leaves only with a verdict of its own. Where the answer says nothing of single readings, everything stays:

    answer with `results`                each has its verdict
    no answer, 408, 425, 429, 5xx        the same again, a little later, for as long as it takes
    400, 413, 422 in the server's words  the request cannot be used: again in halves, until the one is found
    401, 403, anything else              somebody has to mend the key, the address or a proxy; said, and tried again
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
LONGEST_ASKED_S = 900.0
PASSING = frozenset({408, 425, 429})
OF_THE_REQUEST = frozenset({400, 413, 422})
NO_ACCESS = frozenset({401, 403})
OURS = "urn:floorstream:problem:"
"""What the type of a problem of our server begins with; a gateway on the way has codes of its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `status` 0: nothing did, `why` says what happened. `problem`: the JSON of the body, if any."""

    status: int
    problem: Mapping[str, Any]
    why: str
    asked_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One reading: accepted, or refused with a reason and its words."""

    reason: str | None
    event_id: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Judged:
    """Every reading of the request has its verdict, in order."""

    verdicts: Sequence[Verdict]


@dataclass(frozen=True, slots=True)
class InHalves:
    """The server cannot use the request; some of it may be good."""


@dataclass(frozen=True, slots=True)
class Again:
    """Nothing leaves the queue. `mend`: it will not pass by itself."""

    why: str
    asked_s: float = 0.0
    mend: bool = False


def judge(answer: Answer, items: int) -> Judged | InHalves | Again:
    """What the answer to so many readings means."""
    results = answer.problem.get("results")
    if isinstance(results, list) and len(results) == items and all(is_verdict(result) for result in results):
        return Judged([_verdict(result) for result in results])
    if answer.status == 0 or answer.status in PASSING or answer.status >= 500:
        return Again(answer.why, answer.asked_s)
    if answer.status in NO_ACCESS:
        return Again(f"{answer.why}: give the source a key that is valid, see sources in the configuration", mend=True)
    code = answer.problem.get("code")
    is_ours = str(answer.problem.get("type")).startswith(OURS)
    if answer.status in OF_THE_REQUEST and is_ours and isinstance(code, str):
        if items > 1:
            return InHalves()
        return Judged([Verdict(code, None, answer.why)])
    return Again(f"{answer.why}: this does not answer as floorstream does: check server.url, or the proxy", mend=True)


def pause_s(failures: int, chance: float, asked_s: float) -> float:
    """Seconds until the next attempt after so many failures in a row; `chance` in [0, 1) spreads them.

    At least what the server asked for (Retry-After), within bounds.
    """
    doubled: float = min(FIRST_PAUSE_S * 2 ** min(max(failures - 1, 0), 16), LONGEST_PAUSE_S)
    return max(doubled * (0.5 + chance / 2), min(asked_s, LONGEST_ASKED_S))


def is_verdict(result: object) -> bool:
    """Does it say what became of one reading?"""
    if not isinstance(result, dict):
        return False
    status = result.get("status")
    return status == "accepted" or (status == "refused" and isinstance(result.get("reason"), str))


def _verdict(result: Mapping[str, Any]) -> Verdict:
    event_id = result.get("event_id")
    reason = None if result["status"] == "accepted" else str(result["reason"])
    return Verdict(reason, event_id if isinstance(event_id, str) else None, str(result.get("detail") or ""))
