"""By what right somebody acts on an alert.

    X-Alert-Token, or Authorization: Bearer TOKEN │ a link from a message: that incident of that alert, acknowledge only
    Authorization: Bearer ID.SECRET               │ a key: every alert
    neither                                       │ this machine, where no keys are set: every alert

A GET asks for no right and changes nothing: link previews and prefetching browsers may follow a link as they like.
"""

from dataclasses import dataclass, field

from fastapi import Request

from services.adapters import alert_links
from services.adapters.alert_links import BadLink, Link, WhyNot
from services.adapters.api_access import Access
from services.adapters.api_pace import Pace
from services.adapters.problems import FORBIDDEN, Kind, Problem

NO_LINK = Kind(401, "link-invalid", "This link opens nothing", "此链接无效")
OLD_LINK = Kind(401, "link-expired", "This link has expired", "此链接已过期")
TOKEN_HEADER = "x-alert-token"
LINK, KEY, THIS_MACHINE = "link", "key", "this-machine"


@dataclass(frozen=True, slots=True)
class Right:
    """Somebody's right. `via` is kept with what is done; `by` who it is, where the right says it; `link` its bounds."""

    via: str
    by: str | None = None
    link: Link | None = None

    @property
    def kind(self) -> str:
        """LINK, KEY or THIS_MACHINE."""
        return self.via.partition(":")[0]

    def require(self, alert_id: str, incident: int, action: str) -> None:
        """Raises Problem where this is beyond the right."""
        if self.link is None:
            return
        if (self.link.alert_id, self.link.incident) != (alert_id, incident):
            raise Problem(FORBIDDEN, "this link is for another alert", "此链接对应的是另一条告警")
        if action != "acknowledge":
            raise Problem(FORBIDDEN, "a link can only acknowledge", "通过链接只能确认告警")


@dataclass(frozen=True, slots=True)
class Rights:
    """Who may do what. `link_key` None: there are no links."""

    access: Access
    link_key: bytes | None = None
    pace: Pace = field(default_factory=Pace)

    def of(self, request: Request) -> Right:
        """The right of a request. Raises Problem."""
        right = self._of(request)
        self.pace.use(right.via, self.access.clock.now_us())
        return right

    def _of(self, request: Request) -> Right:
        token = request.headers.get(TOKEN_HEADER)
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if token is None and scheme.lower() == "bearer" and "." not in bearer:
            token = bearer.strip()  # a key has a dot in it, a link none
        if token is not None:
            link = self.link(token)
            return Right(f"{LINK}:{link.recipient}", link.member or None, link)
        source = self.access.source(request)
        return Right(THIS_MACHINE) if self.access.keys is None else Right(f"{KEY}:{source}")

    def link(self, token: str) -> Link:
        """What a link is for. Raises Problem."""
        try:
            if self.link_key is None:
                raise BadLink(WhyNot.UNREADABLE)
            return alert_links.read(self.link_key, token, self.access.clock.now_us())
        except BadLink as bad:
            if bad.why is WhyNot.EXPIRED:
                raise Problem(
                    OLD_LINK,
                    "links hold for 12 hours: open the newest message, or the list of alerts",
                    "链接有效期为 12 小时：请打开最新消息中的链接，或查看告警列表",
                ) from None
            raise Problem(
                NO_LINK,
                "it is damaged or was withdrawn: open it from the message again, or the list of alerts",
                "链接已损坏或已撤销：请从消息中重新打开，或查看告警列表",
            ) from None
