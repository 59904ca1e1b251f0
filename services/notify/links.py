"""Addresses in messages that open the alert they are about."""

from pathlib import Path

from services.adapters import alert_links
from services.adapters.clock import SystemClock
from services.core.messages import Facts
from services.notify.sender import Links
from services.settings import BadSetting, StageSettings


def make_links(settings: StageSettings) -> Links:
    """Addresses that open an alert; none where this system does not know its own. Raises BadLinkKey, BadSetting."""
    if not settings.public_url:
        return lambda facts, recipient: None
    if not settings.link_key_file:
        raise BadSetting(
            "FLOORSTREAM_PUBLIC_URL needs FLOORSTREAM_LINK_KEY_FILE: a file with 32 random bytes, mode 600"
        )
    key, clock = alert_links.load_key(Path(settings.link_key_file)), SystemClock()
    base = settings.public_url.rstrip("/")

    def link(facts: Facts, recipient: str) -> str:
        return f"{base}/andon?t={alert_links.new(key, facts.alert_id, facts.incident, recipient, clock.now_us())}"

    return link
