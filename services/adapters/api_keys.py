"""Keys of sources: `Authorization: Bearer ID.SECRET`. Only the SHA-256 of a secret is kept.

The key file (JSON, readable by its owner only) holds {"keys": [{"id", "source", "hash", "created", "expires",
"revoked", "sandbox"}]}: hash in hex, instants in RFC 3339, `expires` and `revoked` null or left out where there are
none, `sandbox` true for a key that may only try. It is read again when it changes, so a revoked key is refused at once.
A secret has 256 random bits, so one round of a hash is enough at rest.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol

from services.core.instant import format_instant, parse_instant
from services.core.text import clean
from services.ports import Clock

SECRET_BYTES = 32
_NO_HASH = bytes(32)
"""Compared with where there is no such id, so that this takes as long."""


class BadKeyFile(Exception):
    """The key file cannot be used; the message says why and what to do."""


class NoAccess(Exception):
    """The key is missing, unknown, wrong, expired or revoked; which of these is not said."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `hash`: SHA-256 of the secret; times in µs, None: never; `sandbox`: for trying, it writes nothing."""

    id: str
    source: str
    hash: bytes
    expires: int | None
    revoked: int | None
    sandbox: bool = False


class Keys(Protocol):
    """Where keys are kept."""

    def find(self, key_id: str) -> Key | None:
        """The key of this id."""
        ...


class KeyFile:
    """Keys in a file."""

    def __init__(self, path: Path) -> None:
        """Reads it; raises BadKeyFile."""
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._keys: dict[str, Key] = {}
        self._refresh()

    def find(self, key_id: str) -> Key | None:
        """The key of this id, as the file has it now; raises BadKeyFile when the file has been spoiled."""
        self._refresh()
        return self._keys.get(key_id)

    def _refresh(self) -> None:
        try:
            status = os.stat(self._path)
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp == self._stamp:
                return
            if status.st_mode & 0o077:
                raise BadKeyFile(f"{self._path} can be read by others: chmod 600 {self._path}")
            entries = json.loads(self._path.read_bytes())["keys"]
            self._keys = {key.id: key for key in map(_key, entries)}
        except OSError as error:
            raise BadKeyFile(f"the key file {self._path} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise BadKeyFile(f"the key file {self._path} is not as expected: {error!r}") from error
        self._stamp = stamp


def _key(entry: Mapping[str, Any]) -> Key:
    expires, revoked = (parse_instant(entry[name]) if entry.get(name) else None for name in ("expires", "revoked"))
    digest = bytes.fromhex(entry["hash"])
    if len(digest) != len(_NO_HASH) or "." in entry["id"]:
        raise ValueError(f"key {entry['id']!r}: expected an id without a dot and the hash as 64 hex digits")
    if entry.get("sandbox", False) not in (True, False):
        raise ValueError(f"key {entry['id']!r}: sandbox is true or false")
    return Key(entry["id"], clean(entry["source"]), digest, expires, revoked, bool(entry.get("sandbox")))


def new_key(key_id: str, source: str, clock: Clock) -> tuple[str, dict[str, str | None]]:
    """A new key: the token to give to the source, shown once, and its entry for the key file."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    created = format_instant(clock.now_us())
    entry = {"id": key_id, "source": source, "hash": _hash(secret).hex(), "created": created}
    return f"{key_id}.{secret}", {**entry, "expires": None, "revoked": None}


def _hash(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()


def key_of(keys: Keys, authorization: str, clock: Clock) -> Key:
    """The key that the header carries. Raises NoAccess."""
    scheme, _, token = authorization.partition(" ")
    key_id, _, secret = token.strip().partition(".")
    key = keys.find(key_id) if scheme.lower() == "bearer" else None
    right = compare_digest(_hash(secret), key.hash if key else _NO_HASH)
    if key is None or not right:
        raise NoAccess
    now = clock.now_us()
    if (key.expires is not None and key.expires <= now) or (key.revoked is not None and key.revoked <= now):
        raise NoAccess
    return key


def is_loopback(host: str) -> bool:
    """Is this the address or name of this machine for itself?"""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
