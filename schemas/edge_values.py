"""The kinds of values an edge file holds besides those of the plant file: addresses, sizes, paths."""

import re
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, WithJsonSchema

from schemas.text import bilingual, cleaned

_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?([KMGT]i?B|B)", re.ASCII)
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30,
          "TIB": 1 << 40}  # fmt: skip
LEAST_SIZE = 1 << 20
SPEEDS = (1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200)
FRAMINGS = tuple(f"{bits}{parity}{stop}" for bits in "78" for parity in "NEO" for stop in "12")
BROKER_PORTS = {"mqtt": 1_883, "mqtts": 8_883}
ENCODINGS = ("utf-8", "gb18030", "ascii", "latin-1", "shift_jis")


def _size(value: object) -> int:
    match = _SIZE.fullmatch(cleaned(value))
    size = int(Decimal(match[1]) * _BYTES[match[2].upper()]) if match else 0
    if size < LEAST_SIZE:
        raise bilingual(
            "size", "expected a size such as 500MB or 2GiB, at least 1MiB", "应为大小，例如 500MB 或 2GiB，至少 1MiB"
        )
    return size


def _host_port(value: object) -> str:
    text = cleaned(value)
    try:
        parts = urlsplit(f"//{text}")
        good = bool(parts.hostname) and bool(parts.port) and not (parts.path or parts.query or parts.username)
    except ValueError:
        good = False
    if not good:
        raise bilingual(
            "address", "expected HOST:PORT such as 192.168.0.10:2112", "应为 主机:端口，例如 192.168.0.10:2112"
        )
    return text


def _url(value: object) -> str:
    text = cleaned(value)
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or parts.username or parts.query or parts.fragment:
        raise bilingual(
            "address",
            "expected an address such as https://floor.example:8080",
            "应为地址，例如 https://floor.example:8080",
        )
    return text.rstrip("/")


def _broker_url(value: object) -> str:
    text = cleaned(value)
    try:
        parts = urlsplit(text)
        good = parts.scheme in BROKER_PORTS and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or parts.username or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise bilingual(
            "address",
            "expected an address such as mqtts://broker.example:8883",
            "应为地址，例如 mqtts://broker.example:8883",
        )
    return text.rstrip("/")


def _topic_filter(value: object) -> str:
    text = cleaned(value, 1_000)
    levels = text.split("/")
    wild = [level for level in levels if ("+" in level and level != "+") or ("#" in level and level != "#")]
    if wild or "#" in levels[:-1]:
        raise bilingual(
            "topic",
            "expected a topic; + stands for a whole level, # for all further ones, at the end only",
            "应为主题；+ 代表完整的一级，# 仅可位于末尾，代表其后各级",
        )
    return text


def _topic_level(value: object) -> str:
    text = cleaned(value)
    if text != "+" and any(sign in text for sign in "/+#"):
        raise bilingual("topic", "expected a level of a topic, without / + #", "应为主题的一级，不含 / + #")
    return text


def _one_of(words: tuple[object, ...]) -> BeforeValidator:
    known = {str(word).lower(): word for word in words}

    def check(value: object) -> object:
        text = cleaned(value).lower()
        if text not in known:
            listed = ", ".join(map(str, words))
            raise bilingual("choice", f"expected one of {listed}", f"应为以下之一：{listed}")
        return known[text]

    return BeforeValidator(check)


def _port(value: object) -> int:
    text = cleaned(value)
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) < 65_536):
        raise bilingual("whole", "expected a port from 1 to 65535", "应为 1 至 65535 的端口")
    return int(text)


def broker_address(url: str) -> tuple[str, int, bool]:
    """Of a checked address of a broker: host, port, TLS?"""
    parts = urlsplit(url)
    assert parts.hostname is not None
    return parts.hostname, parts.port or BROKER_PORTS[parts.scheme], parts.scheme == "mqtts"


def host_and_port(address: str) -> tuple[str, int]:
    """Of a checked HOST:PORT."""
    parts = urlsplit(f"//{address}")
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _text_schema(description: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": description, "examples": [example]})


Size = Annotated[int, BeforeValidator(_size), _text_schema("size", "2GiB")]
HostPort = Annotated[str, BeforeValidator(_host_port), _text_schema("HOST:PORT", "192.168.0.10:2112")]
Url = Annotated[str, BeforeValidator(_url), _text_schema("URL", "https://floor.example:8080")]
BrokerUrl = Annotated[str, BeforeValidator(_broker_url), _text_schema("URL", "mqtts://broker.example:8883")]
TopicFilter = Annotated[str, BeforeValidator(_topic_filter), _text_schema("topic filter", "line/+/state")]
TopicLevel = Annotated[str, BeforeValidator(_topic_level), _text_schema("level of a topic", "plant-1")]
QoS = Annotated[int, _one_of((0, 1)), WithJsonSchema({"type": "integer", "enum": [0, 1]})]
Encoding = Annotated[str, _one_of(ENCODINGS), WithJsonSchema({"type": "string", "enum": list(ENCODINGS)})]
Speed = Annotated[int, _one_of(SPEEDS), WithJsonSchema({"type": "integer", "enum": list(SPEEDS)})]
Framing = Annotated[str, _one_of(FRAMINGS), WithJsonSchema({"type": "string", "enum": list(FRAMINGS)})]
Port = Annotated[int, BeforeValidator(_port), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 65_535})]
FilePath = Annotated[str, BeforeValidator(lambda value: cleaned(value, 1_000)), _text_schema("path", "edge.key")]
"""A path; a relative one begins at the folder of the file that names it."""
Line = Annotated[str, BeforeValidator(lambda value: cleaned(value, 200)), _text_schema("text", "NoRead")]
