"""Settings, read from the environment once; adapters receive values and never look there themselves."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit


class BadSetting(Exception):
    """A setting cannot be used; the message names it and says what is expected."""


@dataclass(frozen=True)
class KafkaSettings:
    """Where the broker is and what it can do.

    `embedded` is a broker for trying and testing: no idempotent producer, one copy, session timeouts of 6 s.
    """

    brokers: str
    embedded: bool
    replication: int
    scan_partitions: int
    operation_partitions: int
    session_timeout_s: float


@dataclass(frozen=True)
class StageSettings:
    """What every stage needs. `metrics_port` 0: no metrics server. `instance` names this worker of its stage."""

    kafka: KafkaSettings
    database_url: str
    generation: int
    host: str
    port: int
    metrics_port: int
    data_dir: str
    instance: str
    keys_file: str
    channels_file: str
    public_url: str
    ingest_url: str
    link_key_file: str


def read(environment: Mapping[str, str]) -> StageSettings:
    """The settings of a stage. Raises BadSetting naming the variable."""
    embedded = environment.get("FLOORSTREAM_PROFILE", "kafka") == "embedded"
    kafka = KafkaSettings(
        brokers=_needed(environment, "FLOORSTREAM_KAFKA", "host:port of a Kafka broker"),
        embedded=embedded,
        replication=_number(environment, "FLOORSTREAM_REPLICATION", 1),
        scan_partitions=_number(environment, "FLOORSTREAM_PARTITIONS", 4 if embedded else 8),
        operation_partitions=_number(environment, "FLOORSTREAM_OPERATION_PARTITIONS", 2),
        session_timeout_s=_number(environment, "FLOORSTREAM_SESSION_TIMEOUT_S", 6 if embedded else 10),
    )
    return StageSettings(
        kafka=kafka,
        database_url=database_url(environment),
        generation=_number(environment, "FLOORSTREAM_GENERATION", 1),
        host=environment.get("FLOORSTREAM_HOST", "127.0.0.1"),
        port=_number(environment, "FLOORSTREAM_PORT", 8080),
        metrics_port=_number(environment, "FLOORSTREAM_METRICS_PORT", 0),
        data_dir=environment.get("FLOORSTREAM_DATA_DIR", "/tmp"),
        instance=environment.get("FLOORSTREAM_INSTANCE", "0"),
        keys_file=environment.get("FLOORSTREAM_KEYS_FILE", ""),
        channels_file=environment.get("FLOORSTREAM_CHANNELS_FILE", ""),
        public_url=environment.get("FLOORSTREAM_PUBLIC_URL", ""),
        ingest_url=_address(environment, "FLOORSTREAM_INGEST_URL"),
        link_key_file=environment.get("FLOORSTREAM_LINK_KEY_FILE", ""),
    )


def database_url(environment: Mapping[str, str]) -> str:
    """FLOORSTREAM_DATABASE_URL with the password from FLOORSTREAM_DATABASE_PASSWORD_FILE, where that is set.

    A file, because whoever may look at a process or a container sees its environment and its command line. Raises
    BadSetting, which never shows what the file or the address holds.
    """
    url = environment.get("FLOORSTREAM_DATABASE_URL", "")
    password = secret(environment, "FLOORSTREAM_DATABASE_PASSWORD_FILE") if url else ""
    if not password:
        return url
    try:
        parts = urlsplit(url)
        user, given = parts.username, parts.password
    except ValueError:
        raise BadSetting("FLOORSTREAM_DATABASE_URL is not an address: postgresql://USER@HOST:PORT/NAME") from None
    if user is None or given is not None:
        raise BadSetting(
            "FLOORSTREAM_DATABASE_URL has to name a user and no password, because FLOORSTREAM_DATABASE_PASSWORD_FILE "
            "is set: postgresql://USER@HOST:PORT/NAME"
        )
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(unquote(user), safe='')}:{quote(password, safe='')}@{host}").geturl()


def secret(environment: Mapping[str, str], name: str) -> str:
    """What the file holds that this variable names, its line end cut; empty where none is named. Raises BadSetting."""
    file = environment.get(name, "")
    if not file:
        return ""
    try:
        text = Path(file).read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise BadSetting(f"{name}={file} cannot be read: {why}") from None
    if not text:
        raise BadSetting(f"{name}={file} is empty: it has to hold a password")
    return text


def _needed(environment: Mapping[str, str], name: str, meaning: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise BadSetting(f"{name} is not set: give it the {meaning}")
    return value


def _address(environment: Mapping[str, str], name: str) -> str:
    """An address of HTTP without a slash at its end; empty where none is given."""
    text = environment.get(name, "").rstrip("/")
    if text and not re.fullmatch(r"https?://[^\s/?#;,]+(/[^\s?#]*)?", text):
        raise BadSetting(f"{name}={text!r} is not an address such as http://HOST:PORT")
    return text


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise BadSetting(f"{name}={text!r} is not a whole number") from None
