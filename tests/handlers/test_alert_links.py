"""Links to an alert: what opens, what does not, and what a link says about its bearer."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.adapters import alert_links
from services.adapters.alert_links import BadLink, BadLinkKey, Link, WhyNot

KEY = b"0123456789abcdef0123456789abcdef"
NOW = 1_795_413_600_000_000
LIFE = 12 * 3600 * 1_000_000
IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=256)


def token(key: bytes = KEY) -> str:
    return alert_links.new(key, "wip_limit|贴片", 3, "leaders|zhang", NOW)


@given(alert_id=IDS, incident=st.integers(0, 2**31), recipient=IDS)
def test_a_token_says_what_it_was_made_for(alert_id: str, incident: int, recipient: str) -> None:
    made = alert_links.new(KEY, alert_id, incident, recipient, NOW)
    assert alert_links.read(KEY, made, NOW + 1) == Link(alert_id, incident, recipient, NOW + LIFE)
    assert len(made) <= alert_links.LONGEST_TOKEN


def test_a_token_goes_into_an_address_as_it_is() -> None:
    assert set(token()) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(("recipient", "member"), [("leaders|zhang", "zhang"), ("line-1-robot", "")])
def test_only_a_personal_link_names_a_person(recipient: str, member: str) -> None:
    assert Link("a|b", 1, recipient, NOW).member == member


def test_it_opens_nothing_once_twelve_hours_are_over() -> None:
    alert_links.read(KEY, token(), NOW + LIFE - 1)
    with pytest.raises(BadLink) as refused:
        alert_links.read(KEY, token(), NOW + LIFE)
    assert refused.value.why is WhyNot.EXPIRED


@given(at=st.integers(0, 200), flip=st.integers(1, 255))
def test_a_token_changed_anywhere_opens_nothing(at: int, flip: int) -> None:
    data = bytearray(base64.urlsafe_b64decode(token() + "=" * (-len(token()) % 4)))
    data[at % len(data)] ^= flip
    with pytest.raises(BadLink) as refused:
        alert_links.read(KEY, base64.urlsafe_b64encode(data).rstrip(b"=").decode(), NOW)
    assert refused.value.why is WhyNot.UNREADABLE


@given(st.text(max_size=300))
def test_any_other_text_opens_nothing(text: str) -> None:
    with pytest.raises(BadLink):
        alert_links.read(KEY, text, NOW)


def test_a_token_of_another_key_opens_nothing() -> None:
    with pytest.raises(BadLink):
        alert_links.read(KEY, token(b"f" * 32), NOW)


def test_a_huge_token_is_not_even_decoded() -> None:
    with pytest.raises(BadLink):
        alert_links.read(KEY, "A" * 10_000_000, NOW)


def test_a_key_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "link.key"
    alert_links.make_key(path)
    first = alert_links.load_key(path)
    alert_links.make_key(path)
    assert alert_links.load_key(path) == first
    path.chmod(0o644)
    with pytest.raises(BadLinkKey, match="chmod 600"):
        alert_links.load_key(path)


def test_a_key_that_is_too_short_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "link.key"
    with pytest.raises(BadLinkKey, match="cannot be read"):
        alert_links.load_key(path)
    path.touch(0o600)
    path.write_bytes(b"short\n")
    with pytest.raises(BadLinkKey, match="32 or more"):
        alert_links.load_key(path)
