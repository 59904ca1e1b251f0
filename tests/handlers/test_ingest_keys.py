"""Who may write: keys per source, kept as hashes; without keys programs on this machine only."""

import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from services import settings
from services.adapters.api_keys import BadKeyFile, KeyFile, is_loopback, new_key
from services.adapters.api_pace import BURST
from services.core.instant import format_instant, parse_instant
from services.ingest.app import main
from tests.fake_log import FakeLog, FixedClock
from tests.ingest_floor import NOW, PLANT, Floor, event, memory_floor

CLOCK = FixedClock(parse_instant(NOW))
HOUR = 3_600_000_000


def write(path: Path, *entries: Mapping[str, object]) -> None:
    path.write_text(json.dumps({"keys": entries}), encoding="utf-8")
    path.chmod(0o600)


async def post(floor: Floor, token: str | None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}".encode()}
    return await floor.post(event(), headers=headers)


async def test_a_key_says_which_source_it_is(tmp_path: Path) -> None:
    token, entry = new_key("k1", "产线 1", CLOCK)
    write(tmp_path / "keys", entry)
    async with memory_floor(keys=KeyFile(tmp_path / "keys"), plant=None) as floor:
        floor.client.headers["Authorization"] = f"Bearer {token}"
        (await floor.client.put("/v1/plant", content=PLANT.encode())).raise_for_status()
        answer = await floor.post(event(), headers={"X-Source": "somebody else"})
        assert answer.status_code == 202
        assert dict((await floor.scans())[0].headers)["source"] == "产线 1".encode()


async def test_without_the_right_key_nobody_writes(tmp_path: Path) -> None:
    token, entry = new_key("k1", "plc", CLOCK)
    write(tmp_path / "keys", entry)
    async with memory_floor(keys=KeyFile(tmp_path / "keys"), plant=None) as floor:
        for wrong in (None, "", "k1", "k1.", "k2." + token.split(".")[1], token + "x", "k1.密钥"):
            answer = await post(floor, wrong)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_every_address_that_writes_asks_for_a_key_and_so_do_captures(tmp_path: Path) -> None:
    write(tmp_path / "keys")
    async with memory_floor(keys=KeyFile(tmp_path / "keys"), plant=None) as floor:
        paths: dict[str, dict[str, object]] = (await floor.client.get("/v1/openapi.json")).json()["paths"]
        asked = [(method, path) for path, item in paths.items() for method in item]
        keyed = [(m, path) for m, path in asked if m not in ("get", "options") or path.startswith("/v1/epcis/capture")]
        keyed.remove(("options", "/v1/epcis/capture"))
        assert len(keyed) > 20
        for method, path in keyed:
            answer = await floor.client.request(method, path.replace("{", "").replace("}", ""), content=b"{}")
            assert answer.status_code == 401, (method, path)


@pytest.mark.parametrize(("field", "after_us", "status"), [
    ("expires", HOUR, 503), ("expires", 0, 401), ("revoked", 0, 401), ("revoked", HOUR, 503),
])  # fmt: skip
async def test_a_key_ends(tmp_path: Path, field: str, after_us: int, status: int) -> None:
    """503: the key was good, and there is no plant model."""
    token, entry = new_key("k1", "plc", CLOCK)
    write(tmp_path / "keys", {**entry, field: format_instant(CLOCK.us + after_us)})
    async with memory_floor(keys=KeyFile(tmp_path / "keys"), plant=None) as floor:
        assert (await post(floor, token)).status_code == status


async def test_a_key_that_is_revoked_is_refused_at_once(tmp_path: Path) -> None:
    token, entry = new_key("k1", "plc", CLOCK)
    write(tmp_path / "keys", entry)
    async with memory_floor(keys=KeyFile(tmp_path / "keys"), plant=None) as floor:
        assert (await post(floor, token)).status_code == 503
        write(tmp_path / "next", {**entry, "revoked": NOW})
        (tmp_path / "next").replace(tmp_path / "keys")
        assert (await post(floor, token)).status_code == 401


def test_the_secret_is_not_in_the_file() -> None:
    token, entry = new_key("k1", "plc", CLOCK)
    assert token.split(".")[1] not in json.dumps(entry)


@pytest.mark.parametrize("text", ["", "{}", '{"keys": [{"id": "k1"}]}', '{"keys": [{"id": "a.b", "hash": "00"}]}'])
def test_a_spoiled_key_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_text(text, encoding="utf-8")
    (tmp_path / "keys").chmod(0o600)
    with pytest.raises(BadKeyFile, match="keys"):
        KeyFile(tmp_path / "keys")


def test_a_key_file_others_can_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "keys")
    (tmp_path / "keys").chmod(0o644)
    with pytest.raises(BadKeyFile, match="chmod 600"):
        KeyFile(tmp_path / "keys")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),
        ({"Host": "localhost:8080"}, 202),
        ({"Origin": "http://127.0.0.1:8080"}, 202),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 403),
    ],
)
async def test_without_keys_no_web_page_may_write(headers: dict[str, str], status: int) -> None:
    async with memory_floor() as floor:
        assert (await floor.post(event(), headers=headers)).status_code == status


def test_without_keys_it_does_not_listen_to_others(caplog: pytest.LogCaptureFixture) -> None:
    environment = {"FLOORSTREAM_KAFKA": "127.0.0.1:1", "FLOORSTREAM_HOST": "0.0.0.0"}
    assert main(environment, settings.read) == 2
    assert "FLOORSTREAM_KEYS_FILE" in caplog.text


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("localhost.evil.example", False)],
)  # fmt: skip
def test_what_is_this_machine_for_itself(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback


async def test_a_sandbox_key_judges_and_never_writes(tmp_path: Path) -> None:
    real, entry = new_key("k1", "plc", CLOCK)
    token, tried = new_key("k2", "plc", CLOCK)
    write(tmp_path / "keys", entry, {**tried, "sandbox": True})
    log = FakeLog()
    async with memory_floor(log, keys=KeyFile(tmp_path / "keys"), plant=None) as floor:
        with_real = {"Authorization": f"Bearer {real}"}
        (await floor.client.put("/v1/plant", content=PLANT.encode(), headers=with_real)).raise_for_status()
        before = len(log.sent)
        good, bad = await post(floor, token), await floor.post({}, headers={"Authorization": f"Bearer {token}"})
        for_real = [
            await floor.client.request(method, path, content=content, headers={"Authorization": f"Bearer {token}"})
            for method, path, content in (
                ("PUT", "/v1/plant", PLANT.encode()),
                ("PUT", "/v1/orders/WO", b'{"product_id": "P", "quantity": 1}'),
                ("POST", "/v1/epcis/capture", b"{}"),
            )
        ]
    assert (good.status_code, good.json()["accepted"], good.json()["sandbox"]) == (200, 1, True)
    assert (bad.status_code, bad.json()["sandbox"]) == (422, True)
    assert [(answer.status_code, answer.json()["code"]) for answer in for_real] == [(403, "forbidden")] * 3
    assert len(log.sent) == before


async def test_a_sandbox_key_may_be_used_so_often_and_not_oftener(tmp_path: Path) -> None:
    token, entry = new_key("k2", "plc", CLOCK)
    write(tmp_path / "keys", {**entry, "sandbox": True})
    async with memory_floor(keys=KeyFile(tmp_path / "keys"), plant=None) as floor:
        statuses = [(await post(floor, token)).status_code for _ in range(int(BURST) + 1)]
    assert statuses == [503] * int(BURST) + [429]


def test_a_key_that_is_a_sandbox_perhaps_is_refused(tmp_path: Path) -> None:
    _, entry = new_key("k2", "plc", CLOCK)
    write(tmp_path / "keys", {**entry, "sandbox": "maybe"})
    with pytest.raises(BadKeyFile, match="sandbox"):
        KeyFile(tmp_path / "keys")
