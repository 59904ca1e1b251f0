"""The password of the database comes from a file, whole, and is shown nowhere."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from services.embedded.instance import InstanceNotFound, find_instance
from services.settings import BadSetting, database_url, read

URL = "postgresql://floor@db.example:5433/floorstream?sslmode=require"
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)


def environment(file: Path, url: str = URL) -> dict[str, str]:
    return {
        "FLOORSTREAM_KAFKA": "k:9092",
        "FLOORSTREAM_DATABASE_URL": url,
        "FLOORSTREAM_DATABASE_PASSWORD_FILE": str(file),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets")


@for_any(password=TEXT, end=st.sampled_from(["", "\n", "\r\n"]))
def test_any_password_arrives_whole(folder: Path, password: str, end: str) -> None:
    file = folder / "password"
    file.write_bytes((password + end).encode())
    parts = urlsplit(database_url(environment(file)))
    assert unquote(parts.password or "") == password
    assert (parts.username, parts.hostname, parts.port, parts.path, parts.query) == (
        "floor", "db.example", 5433, "/floorstream", "sslmode=require",
    )  # fmt: skip


def test_stages_and_commands_take_it_alike(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("s3cret\n")
    given = environment(tmp_path / "p")
    assert read(given).database_url == find_instance(None, given).database
    assert "s3cret" in read(given).database_url


@pytest.mark.parametrize("given", ["http://10.0.0.7:8081", "https://floor.example/ingest/"])
def test_the_address_of_ingest_has_no_slash_at_its_end(given: str) -> None:
    assert read({"FLOORSTREAM_KAFKA": "k:9092", "FLOORSTREAM_INGEST_URL": given}).ingest_url == given.rstrip("/")


@pytest.mark.parametrize("given", ["10.0.0.7:8081", "ftp://x", "http://", "http://a b", "http://a?b", "javascript:x"])
def test_an_address_of_ingest_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(BadSetting, match=r"FLOORSTREAM_INGEST_URL=.* http://HOST:PORT"):
        read({"FLOORSTREAM_KAFKA": "k:9092", "FLOORSTREAM_INGEST_URL": given})


def test_without_a_file_the_address_is_as_given() -> None:
    assert database_url({"FLOORSTREAM_DATABASE_URL": URL, "FLOORSTREAM_DATABASE_PASSWORD_FILE": ""}) == URL


@pytest.mark.parametrize(
    ("content", "url", "named"),
    [
        (None, URL, "cannot be read: No such file"),
        (b"", URL, "is empty"),
        (b"\n", URL, "is empty"),
        (b"\xff\xfe", URL, "not text in UTF-8"),
        (b"p", "postgresql://floor:inline@db/f", "no password"),
        (b"p", "postgresql://db/f", "has to name a user"),
        (b"p", "postgresql://[db/f", "is not an address"),
    ],
)
def test_what_cannot_be_used_is_refused_and_not_shown(
    tmp_path: Path, content: bytes | None, url: str, named: str
) -> None:
    if content is not None:
        (tmp_path / "p").write_bytes(content)
    with pytest.raises(BadSetting, match=named) as refused:
        database_url(environment(tmp_path / "p", url))
    assert "inline" not in str(refused.value)
    with pytest.raises(InstanceNotFound, match=named):
        find_instance(None, environment(tmp_path / "p", url))
