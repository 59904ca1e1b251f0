"""A signed webhook: JSON for programs. Any 2xx means that it has been taken.

Idempotency-Key           <alert_id>/<version>/<recipient>, or digest/<id>/<recipient>; each part percent-encoded.
                          The same whenever this message is sent again: take each key once
X-Floorstream-Timestamp   seconds since the epoch; refuse what is older than five minutes
X-Floorstream-Signature   v1=<hex of HMAC-SHA256(secret, timestamp + "." + body)>
"""

import hashlib
import hmac
import json
from dataclasses import asdict
from typing import Any

from services.adapters.channels.judged import by_status
from services.adapters.channels.outbound import Answer
from services.core.delivery import SENT, Note, Outcome
from services.core.messages import Facts

PER_MINUTE = 600


def body(note: Note) -> bytes:
    """The message: the same words as people get, and each alert with its facts and a key of its own.

    Of several alerts the units are left out, so that a digest of hundreds stays small.
    """
    content = {
        "key": note.key,
        "title": note.message.title,
        "text": note.message.text,
        "link": note.link,
        "mentions": list(note.mentions),
        "alerts": [_alert(facts, units=len(note.alerts) == 1) for facts in note.alerts],
    }
    return json.dumps(content, ensure_ascii=False).encode()


def _alert(facts: Facts, *, units: bool) -> dict[str, Any]:
    content = {"key": f"{facts.alert_id}/{facts.incident}/{facts.kind}", **asdict(facts)}
    return content if units else {name: value for name, value in content.items() if name != "units"}


def headers(note: Note, payload: bytes, secret: str, now_us: int) -> dict[str, str]:
    """What the receiver checks the message with."""
    return signed(note.key, payload, secret, now_us)


def signed(key: str, payload: bytes, secret: str, now_us: int) -> dict[str, str]:
    """The headers of a payload that is known by this key."""
    stamp = str(now_us // 1_000_000)
    digest = hmac.digest(secret.encode(), stamp.encode() + b"." + payload, hashlib.sha256)
    return {
        "Idempotency-Key": key,
        "X-Floorstream-Timestamp": stamp,
        "X-Floorstream-Signature": f"v1={digest.hex()}",
    }


def judge(answer: Answer, now_us: int) -> Outcome:
    """Whatever a 2xx says besides, it has been taken."""
    return by_status(answer, now_us) or SENT
