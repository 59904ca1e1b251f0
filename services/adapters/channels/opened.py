"""The channels of a channels file, ready to send."""

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from schemas.channels import Channel, ChannelsDocument, Contact, Kind
from services.adapters.channels import dingtalk, feishu, webhook, wecom
from services.adapters.channels.by_apprise import AppriseChannel, BadAddress
from services.adapters.channels.file import BadChannels, read_channels
from services.adapters.channels.outbound import Allowed, Answer, NotAllowed, Outbound, Unreachable
from services.core.delivery import Note, Outcome, Said
from services.ports import Channel as Way
from services.ports import Clock

Headers = Mapping[str, str]
JSON: Headers = {"Content-Type": "application/json; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Request:
    """What is posted."""

    url: str
    body: bytes
    headers: Headers


class HttpChannel:
    """A target of ours: makes the request, posts it, judges the answer."""

    def __init__(
        self, outbound: Outbound, clock: Clock, per_minute: int, request: Callable[[Note, int], Request],
        judge: Callable[[Answer, int], Outcome],
    ) -> None:  # fmt: skip
        self.per_minute = per_minute
        self._outbound = outbound
        self._clock = clock
        self._request = request
        self._judge = judge

    async def send(self, note: Note) -> Outcome:
        """Post it once."""
        request = self._request(note, self._clock.now_us())
        try:
            answer = await self._outbound.post(request.url, request.body, request.headers)
        except NotAllowed as error:
            return Outcome(Said.MISCONFIGURED, str(error))
        except Unreachable as error:
            return Outcome(Said.AWAY, str(error), perhaps=error.perhaps)
        return self._judge(answer, self._clock.now_us())

    async def close(self) -> None:
        """Close its connections."""
        await self._outbound.close()


def open_channels(path: Path, clock: Clock) -> dict[str, Way]:
    """Every channel of the file by name. Raises BadChannels."""
    document = read_channels(path)
    channels: dict[str, Way] = {}
    for name, channel in document.channels.items():
        try:
            channels[name] = _open(channel, document, clock)
        except (BadAddress, OSError, ssl.SSLError) as error:
            raise BadChannels(f"{path}: channels.{name}: {error}") from None
    return channels


def _open(channel: Channel, document: ChannelsDocument, clock: Clock) -> Way:
    if channel.kind is Kind.APPRISE:
        return AppriseChannel(_value(channel.url), channel.per_minute)
    outbound = Outbound(Allowed(document.allow_private), document.proxy, document.ca_file)
    request, judge, per_minute = _KINDS[channel.kind](channel, document.contacts)
    return HttpChannel(outbound, clock, channel.per_minute or per_minute, request, judge)


Made = tuple[Callable[[Note, int], Request], Callable[[Answer, int], Outcome], int]
Contacts = Mapping[str, Contact]


def _dingtalk(channel: Channel, contacts: Contacts) -> Made:
    token, secret, base = _value(channel.token), _optional(channel.secret), channel.base_url or dingtalk.PUBLIC

    def request(note: Note, now_us: int) -> Request:
        url = dingtalk.address(base, token, secret, now_us)
        return Request(url, dingtalk.body(note, _mobiles(note, contacts), channel.keyword), JSON)

    return request, dingtalk.judge, dingtalk.PER_MINUTE


def _wecom(channel: Channel, contacts: Contacts) -> Made:
    url = wecom.address(channel.base_url or wecom.PUBLIC, _value(channel.token))

    def request(note: Note, now_us: int) -> Request:
        return Request(url, wecom.body(note, _mobiles(note, contacts)), JSON)

    return request, wecom.judge, wecom.PER_MINUTE


def _feishu(channel: Channel, contacts: Contacts) -> Made:
    url = feishu.address(channel.base_url or feishu.PUBLIC, _value(channel.token))
    secret = _optional(channel.secret)

    def request(note: Note, now_us: int) -> Request:
        people = [c.feishu for m in note.mentions if (c := contacts.get(m)) is not None and c.feishu is not None]
        return Request(url, feishu.body(note, people, channel.keyword, secret, now_us), JSON)

    return request, feishu.judge, feishu.PER_MINUTE


def _webhook(channel: Channel, contacts: Contacts) -> Made:
    url, secret = channel.base_url or "", _value(channel.secret)

    def request(note: Note, now_us: int) -> Request:
        payload = webhook.body(note)
        return Request(url, payload, {**JSON, **webhook.headers(note, payload, secret, now_us)})

    return request, webhook.judge, webhook.PER_MINUTE


_KINDS: Mapping[Kind, Callable[[Channel, Contacts], Made]] = {
    Kind.DINGTALK: _dingtalk,
    Kind.WECOM: _wecom,
    Kind.FEISHU: _feishu,
    Kind.WEBHOOK: _webhook,
}


def _mobiles(note: Note, contacts: Contacts) -> Sequence[str]:
    return [c.mobile for m in note.mentions if (c := contacts.get(m)) is not None and c.mobile is not None]


def _value(secret: SecretStr | None) -> str:
    return _optional(secret) or ""


def _optional(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
