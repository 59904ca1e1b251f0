"""The channels file of notify: how the channels that teams and members name are reached. It holds secrets.

    channels    name → kind, address, token, secret
    visits      name → address and secret of a program that is told of every visit
    contacts    member id → what a channel needs to mention the person
    allow_private, proxy, ca_file

Only `notify` reads it. It is checked as the plant file is: every error at once, with line and key, in both languages;
no message repeats a secret.
"""

import ipaddress
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError

from schemas.plant_lines import Lines, Problem, read_lines
from schemas.plant_part import Part
from schemas.plant_report import report
from schemas.plant_values import BatchSize, PerMinute, PlantId
from schemas.text import bilingual, cleaned

LONGEST_SECRET = 2_000
_MOBILE = re.compile(r"\+?[0-9-]{5,20}", re.ASCII)
_WORD = re.compile(r"(?!all$)[A-Za-z0-9_.-]{1,128}", re.ASCII | re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}", re.ASCII)


class ChannelsError(ValueError):
    """A channels file with errors; `problems` in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(f"line {p.line}: {p.key}: {p.en}" for p in self.problems))


class Kind(StrEnum):
    """What is at the other end."""

    WEBHOOK = "webhook"
    DINGTALK = "dingtalk"
    WECOM = "wecom"
    FEISHU = "feishu"
    APPRISE = "apprise"


def _secret(value: object) -> str:
    return cleaned(value, LONGEST_SECRET)


def _token(value: object) -> str:
    text = _secret(value)
    if "/" in text or "=" in text:
        raise bilingual(
            "combination",
            "expected the token alone: what follows `access_token=`, `key=` or `/hook/` in the robot's address",
            "应只填令牌：机器人地址中 access_token=、key= 或 /hook/ 之后的部分",
        )
    return text


def _address(value: object) -> str:
    text = cleaned(value, LONGEST_SECRET)
    if not _can_be_reached(text):
        raise bilingual(
            "combination", "expected an address such as https://host/path", "应为地址，例如 https://host/path"
        )
    return text


def _can_be_reached(text: str) -> bool:
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname and parts.hostname.encode("idna")) and parts.port != 0
    except ValueError:  # a port beyond 65535, a host that no resolver takes
        return False
    return named and parts.scheme in ("https", "http") and not (parts.username or parts.password or parts.fragment)


def _matching(pattern: re.Pattern[str], en: str, zh: str) -> BeforeValidator:
    def check(value: object) -> str:
        text = cleaned(value)
        if not pattern.fullmatch(text):
            raise bilingual("combination", f"expected {en}", f"应为{zh}")
        return text

    return BeforeValidator(check)


def _network(value: object) -> str:
    text = cleaned(value)
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        if _HOST.fullmatch(text) and not text.replace(".", "").isdigit():
            return text.lower()
    raise bilingual(
        "network", "expected a host name, an address, or a network such as 10.1.2.0/24",
        "应为主机名、地址或网段，例如 10.1.2.0/24",
    )  # fmt: skip


Secret = Annotated[SecretStr, BeforeValidator(_secret)]
Token = Annotated[SecretStr, BeforeValidator(_token)]
Address = Annotated[str, BeforeValidator(_address)]
Mobile = Annotated[str, _matching(_MOBILE, "a mobile number such as 13800000000", "手机号，例如 13800000000")]
UserId = Annotated[str, _matching(_WORD, "one person's user id, such as ou_1a2b3c", "单个人的用户标识，例如 ou_1a2b3c")]
Network = Annotated[str, BeforeValidator(_network)]
Word = Annotated[str, BeforeValidator(lambda value: cleaned(value, 100))]


class Contact(Part):
    """How a person is mentioned in a group."""

    mobile: Mobile | None = Field(default=None, description="DingTalk and WeCom mention by it")
    feishu: UserId | None = Field(default=None, description="open_id or user_id in Feishu")


class Channel(Part):
    """One way out."""

    kind: Kind = Field(description="webhook, dingtalk, wecom, feishu, or apprise for everything else")
    base_url: Address | None = Field(
        default=None, description="webhook: the address; robots: of a private deployment, instead of the public one"
    )
    token: Token | None = Field(default=None, description="robots: the token or key in the robot's address")
    secret: Secret | None = Field(default=None, description="webhook, dingtalk, feishu: what messages are signed with")
    keyword: Word | None = Field(default=None, description="dingtalk, feishu: a word that messages must contain")
    url: Secret | None = Field(default=None, description="apprise: the address as apprise writes it")
    per_minute: PerMinute | None = Field(
        default=None, description="most messages a minute; default 20 for dingtalk and wecom, 60 for the others"
    )


class Subscriber(Part):
    """A program that is told of every visit: an MES, a data platform."""

    url: Address = Field(description="where visits are posted to")
    secret: Secret = Field(description="what messages are signed with")
    from_: Literal["now", "beginning"] = Field(
        alias="from", description="where a subscriber that is new begins: with what changes from now on, or with all"
    )
    batch: BatchSize = Field(default=100, description="most visits in one message")


class ChannelsDocument(Part):
    """The whole file."""

    allow_private: list[Network] = Field(
        default=[], description="hosts and networks inside the plant that may be written to, there also without TLS"
    )
    proxy: Address | None = Field(default=None, description="HTTP proxy for everything but apprise; default none")
    ca_file: Word | None = Field(default=None, description="certificates of an authority of your own (PEM)")
    contacts: dict[PlantId, Contact] = Field(default={}, description="member id → how to mention the person")
    channels: dict[PlantId, Channel] = Field(default={}, description="by the names that the plant file uses")
    visits: dict[PlantId, Subscriber] = Field(default={}, description="who is told of every visit, by a name of yours")


_NEEDED = {
    Kind.WEBHOOK: ("base_url", "secret"),
    Kind.DINGTALK: ("token",),
    Kind.WECOM: ("token",),
    Kind.FEISHU: ("token",),
    Kind.APPRISE: ("url",),
}
_MAY = {
    Kind.WEBHOOK: ("base_url", "secret"),
    Kind.DINGTALK: ("base_url", "token", "secret", "keyword"),
    Kind.WECOM: ("base_url", "token"),
    Kind.FEISHU: ("base_url", "token", "secret", "keyword"),
    Kind.APPRISE: ("url",),
}
_ALWAYS = ("kind", "per_minute")


def load_channels(text: str) -> ChannelsDocument:
    """The channels of a file; raises ChannelsError."""
    lines = read_lines(text)
    if lines.value is None and not lines.problems:
        lines.report((), "the file is empty", "文件为空")
    if lines.value is None:
        raise ChannelsError(lines.problems)
    document = ChannelsDocument()
    try:
        document = ChannelsDocument.model_validate(lines.value)
    except ValidationError as error:
        report(lines, error, ChannelsDocument)
    channels = lines.value.get("channels") if isinstance(lines.value, dict) else None
    for name, channel in (channels if isinstance(channels, dict) else {}).items():
        if isinstance(channel, dict) and channel.get("kind") in list(Kind):
            _check(lines, str(name), channel)
    if lines.problems:
        raise ChannelsError(lines.problems)
    return document


def _check(lines: Lines, name: str, channel: Mapping[str, Any]) -> None:
    kind, path = Kind(channel["kind"]), ("channels", name)
    for key in _NEEDED[kind]:
        if channel.get(key) is None:
            lines.report(path, f"{kind} needs `{key}`", f"{kind} 须指定 {key}")
    for key in Channel.model_fields:
        if key not in (*_ALWAYS, *_MAY[kind]) and channel.get(key) is not None:
            lines.report((*path, key), f"{kind} has no `{key}`: remove it", f"{kind} 没有 {key}：请删除")
