"""What an answer means, as far as HTTP says it; and the words of robots that answer 200 to everything.

429                            too often; Retry-After is honoured
408, 425, 5xx                  away
3xx, 401, 403, 404, 405, 410   misconfigured: another address or token is needed
other 4xx                      refused: this message will never be taken
"""

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from services.adapters.channels.outbound import Answer
from services.core.delivery import SENT, Outcome, Said

_MISCONFIGURED = frozenset({401, 403, 404, 405, 410})
_AWAY = frozenset({408, 425})
_LONGEST_WORDS = 200


def by_status(answer: Answer, now_us: int) -> Outcome | None:
    """The outcome that the status alone decides; None for 2xx."""
    status, asked = answer.status, retry_after_s(answer.retry_after, now_us)
    detail = f"HTTP {status}"
    if 200 <= status < 300:
        return None
    if status == 429:
        return Outcome(Said.TOO_OFTEN, detail, asked)
    if status in _AWAY or status >= 500:
        return Outcome(Said.AWAY, detail, asked)
    if status < 400 or status in _MISCONFIGURED:
        return Outcome(Said.MISCONFIGURED, f"{detail}: check address and token 请检查地址与令牌")
    return Outcome(Said.REFUSED, detail)


def by_code(
    answer: Answer, now_us: int, names: tuple[str, ...], known: Mapping[int, Outcome], words: tuple[str, ...]
) -> Outcome:
    """The outcome by a code in the body: the first of `names` that is there; 0 is success.

    Codes nobody knows may pass: they are tried again.
    """
    decided = by_status(answer, now_us)
    if decided is not None:
        return decided
    body = _object(answer.body)
    code = next((body[name] for name in names if isinstance(body.get(name), int)), None)
    if code is None:
        return Outcome(Said.AWAY, "an answer that nobody can read 无法识别的应答", perhaps=True)
    if code == 0:
        return SENT
    said = next((str(body[word]) for word in words if body.get(word)), "")[:_LONGEST_WORDS]
    outcome = known.get(code, Outcome(Said.AWAY))
    return Outcome(outcome.said, f"{code} {said} {outcome.detail}".strip(), outcome.retry_after_s)


def retry_after_s(value: str | None, now_us: int) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 §10.2.3); None for none that can be read."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now_us / 1_000_000)
    except (ValueError, OverflowError):
        return None


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
