"""Subscribers to visits: a signed POST of the visits that changed to an address of the channels file.

Idempotency-Key           of these bytes; each visit in them has a `key` of its own: take each of those once
X-Floorstream-Timestamp   and
X-Floorstream-Signature   as of a webhook for alerts (webhook.py)

Any 2xx means that all of it has been taken. Anything else, and no answer within 5 s, is asked again.
"""

from collections.abc import Mapping
from pathlib import Path

from schemas.channels import Subscriber as Declared
from services.adapters.channels import webhook
from services.adapters.channels.file import BadChannels, read_channels
from services.adapters.channels.outbound import Allowed, NotAllowed, Outbound, Unreachable
from services.core.delivery import Outcome, Said
from services.ports import Clock

JSON = {"Content-Type": "application/json; charset=utf-8"}


class Subscriber:
    """The receiver of one subscriber."""

    def __init__(self, declared: Declared, outbound: Outbound, clock: Clock) -> None:
        self.from_now = declared.from_ == "now"
        self.batch = declared.batch
        self._url = declared.url
        self._secret = declared.secret.get_secret_value()
        self._outbound = outbound
        self._clock = clock

    async def tell(self, body: bytes, key: str) -> Outcome:
        """Post it; every trouble of the receiver is an outcome, none is raised."""
        headers = {**JSON, **webhook.signed(key, body, self._secret, self._clock.now_us())}
        try:
            answer = await self._outbound.post(self._url, body, headers)
        except NotAllowed as error:
            return Outcome(Said.MISCONFIGURED, str(error))
        except Unreachable as error:
            return Outcome(Said.AWAY, str(error), perhaps=error.perhaps)
        return webhook.judge(answer, self._clock.now_us())

    async def close(self) -> None:
        """Close its connections."""
        await self._outbound.close()


def open_subscribers(path: Path, clock: Clock) -> Mapping[str, Subscriber]:
    """Every subscriber of the file by name. Raises BadChannels."""
    document = read_channels(path)
    allowed = Allowed(document.allow_private)
    try:
        return {
            name: Subscriber(declared, Outbound(allowed, document.proxy, document.ca_file), clock)
            for name, declared in document.visits.items()
        }
    except OSError as error:
        raise BadChannels(f"{path}: ca_file: {error}") from None
