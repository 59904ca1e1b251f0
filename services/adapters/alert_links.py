"""Links to one alert: who holds one may open that incident of it and take it, and nothing else, for twelve hours.

    token = base64url(payload ‖ first 16 bytes of HMAC-SHA256(key, purpose ‖ payload)), without padding
    payload = JSON list [expires (s since the epoch), incident, alert_id, recipient]

Nothing is stored: what the token says is what was signed. Half of the digest is kept (RFC 2104 §5 allows that much),
so that the link stays short on a phone. `recipient` is as `core.roster` names it: `channel`, or `channel|member` where
one person alone was told.

The key is a file of at least 32 bytes that only its owner can read; `notify` signs with it and `show` reads with it.
Another key makes all links that are on their way useless: that is how they are taken back.
"""

import base64
import binascii
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

LIFE_SECONDS = 12 * 3600
KEY_BYTES = 32
LONGEST_TOKEN = 4096
"""Characters; two ids of 256 characters of four bytes each stay below it."""
_PURPOSE = b"floorstream alert link 1\x00"
_TAG_BYTES = 16


class BadLinkKey(Exception):
    """The key file cannot be used; the message says why and what to do."""


class WhyNot(StrEnum):
    """Why a token opens nothing."""

    UNREADABLE = "unreadable"
    EXPIRED = "expired"


class BadLink(Exception):
    """The token opens nothing. A forged one and one of another key are not told apart."""

    def __init__(self, why: WhyNot) -> None:
        super().__init__(f"the link is {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class Link:
    """What a token is bound to. `expires_us`: instant, µs."""

    alert_id: str
    incident: int
    recipient: str
    expires_us: int

    @property
    def member(self) -> str:
        """The person who alone was told; empty for a channel that several people read."""
        return self.recipient.partition("|")[2]


def new(key: bytes, alert_id: str, incident: int, recipient: str, now_us: int) -> str:
    """A token for one recipient of one incident, good for twelve hours from now."""
    expires = now_us // 1_000_000 + LIFE_SECONDS
    payload = json.dumps([expires, incident, alert_id, recipient], ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(payload + _tag(key, payload)).rstrip(b"=").decode()


def read(key: bytes, token: str, now_us: int) -> Link:
    """What a token is bound to. Raises BadLink."""
    if len(token) > LONGEST_TOKEN:
        raise BadLink(WhyNot.UNREADABLE)
    try:
        data = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise BadLink(WhyNot.UNREADABLE) from error
    payload, tag = data[:-_TAG_BYTES], data[-_TAG_BYTES:]
    if not hmac.compare_digest(tag, _tag(key, payload)):
        raise BadLink(WhyNot.UNREADABLE)
    expires, incident, alert_id, recipient = json.loads(payload)
    if now_us >= expires * 1_000_000:
        raise BadLink(WhyNot.EXPIRED)
    return Link(alert_id, incident, recipient, expires * 1_000_000)


def load_key(path: Path) -> bytes:
    """The key in a file. Raises BadLinkKey."""
    try:
        if os.stat(path).st_mode & 0o077:
            raise BadLinkKey(f"{path} can be read by others: chmod 600 {path} 其他用户可以读取该文件")
        key = path.read_bytes().strip()
    except OSError as error:
        raise BadLinkKey(f"the link key {path} cannot be read: {error.strerror} 无法读取链接密钥文件") from error
    if len(key) < KEY_BYTES:
        raise BadLinkKey(
            f"the link key {path} has {len(key)} bytes: expected {KEY_BYTES} or more, "
            f"e.g. from: openssl rand -hex 32 链接密钥至少 {KEY_BYTES} 字节"
        )
    return key


def make_key(path: Path) -> None:
    """Write a new key that only we can read, where there is no file yet."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(file, "w", encoding="ascii") as out:
        out.write(secrets.token_hex(KEY_BYTES))


def _tag(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + payload, sha256)[:_TAG_BYTES]
