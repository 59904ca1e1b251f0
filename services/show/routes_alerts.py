"""Alerts over HTTP: the open ones from memory, one with its history from the database, and what people do about them.

A GET changes nothing. Who may POST is decided in rights.py; the answer of a POST is 200 once floor.alerts shows it and
202 where that has not come within two seconds: then it is in the log and on its way.
"""

import secrets
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from schemas.alert_request import AlertRequest
from schemas.alerts import AlertState
from schemas.answers_show import AlertActed, AlertAndHistory, AlertLink
from schemas.answers_show import Alerts as ListedAlerts
from schemas.message import Malformed, read_json, validated
from services.adapters.alerts_read import AlertRows
from services.adapters.api_description import EVENTS, JSON, described, schema_of, text
from services.adapters.api_pace import TOO_MANY
from services.adapters.metrics import Metrics
from services.adapters.problems import (
    BAD_REQUEST,
    BROKER_AWAY,
    BUSY,
    INVALID,
    NOT_FOUND,
    Kind,
    Problem,
    retry_after,
)
from services.adapters.request_body import read_body
from services.ports import BrokerAway, Clock, TooManyPending
from services.show.alert_acts import SHELVE, Act, Acts, NoSuchAlert, OtherIncident, Outcome
from services.show.alerts import ALL, OPEN, Alert, Alerts, Asked
from services.show.answers import FULL, as_json, read_rows, streamed
from services.show.live import Live
from services.show.rights import NO_LINK, OLD_LINK, TOKEN_HEADER, Right, Rights

OTHER_INCIDENT = Kind(409, "other-incident", "The alert has moved on", "告警已发生变化")
MOST_BODY = 8 * 1024
MOST_ALERTS = 1_000
EXAMPLE = {"incident": 1, "by": "Li Wei", "reason": "the feeder is being changed"}
BODY = {JSON: {"schema": schema_of(AlertRequest), "example": EXAMPLE}}
TOKEN = {
    "name": "X-Alert-Token", "in": "header", "required": True, "description": "from the link in a message",
    "schema": {"type": "string"},
}  # fmt: skip
MEANINGS = {
    "acknowledge": "Acknowledge an alert: somebody takes care of it",
    "shelve": "Shelve an alert with a reason: it calls nobody until the time given, or until it is normal again",
    "unshelve": "Unshelve an alert: it may call again",
}
LONGEST_SHELVED_US = 7 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class AlertDeps:
    """What the routes of alerts stand on. `rows` None: no database."""

    alerts: Alerts
    acts: Acts
    rights: Rights
    live: Live
    clock: Clock
    metrics: Metrics
    rows: AlertRows | None = None


def alerts_router(deps: AlertDeps) -> APIRouter:
    """Everything about alerts."""
    router = APIRouter(prefix="/v1", tags=["alerts"])
    _add_reads(router, deps)
    _add_link(router, deps)
    for action in MEANINGS:
        _add_action(router, deps, action)
    return router


def _add_reads(router: APIRouter, deps: AlertDeps) -> None:
    @router.get("/alerts", **described({200: ListedAlerts}, BAD_REQUEST, INVALID))
    async def alerts(
        state: str = OPEN,
        operation: str | None = None,
        team: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ALERTS)] = MOST_ALERTS,
    ) -> Response:
        """Alerts, most urgent first: the open ones, or those of a state, or `all`; `count` says how many there are."""
        known = (OPEN, ALL, *AlertState)
        if state not in known:
            raise Problem(BAD_REQUEST, f"state is one of {', '.join(known)}", f"state 须为以下之一：{', '.join(known)}")
        found = deps.alerts.listed(Asked(state, operation, team))
        return as_json({"now_us": deps.clock.now_us(), "count": len(found), "alerts": found[:limit]})

    @router.get("/live/alerts", **text(EVENTS, FULL))
    async def stream() -> Response:
        """Server-sent events of the alerts alone: `snapshot`, `changed`, `heartbeat`."""
        return streamed(deps.live)

    @router.get("/alerts/{alert_id:path}", **described({200: AlertAndHistory}, NOT_FOUND))
    async def alert(alert_id: str) -> Response:
        """One alert; from the database its changes, what people did, and where its units are now, null without one."""
        found = _found(deps, alert_id)
        return as_json({"now_us": deps.clock.now_us(), "alert": deps.alerts.shown(found), **await _stored(deps, found)})


def _add_link(router: APIRouter, deps: AlertDeps) -> None:
    @router.get("/alert-link", **described({200: AlertLink}, NO_LINK, OLD_LINK, NOT_FOUND, headers=[TOKEN]))
    async def link(request: Request) -> Response:
        """What the link in the header X-Alert-Token is for; it is not used up by asking."""
        held = deps.rights.link(request.headers.get(TOKEN_HEADER, ""))
        return as_json(
            {
                "now_us": deps.clock.now_us(),
                "alert_id": held.alert_id,
                "incident": held.incident,
                "by": held.member or None,
                "expires_us": held.expires_us,
                "alert": deps.alerts.shown(_found(deps, held.alert_id)),
            }
        )


def _add_action(router: APIRouter, deps: AlertDeps, action: str) -> None:
    @router.post(
        f"/alerts/{{alert_id:path}}/{action}",
        name=action,
        description=f"{MEANINGS[action]}. A repeat with the same action_id changes nothing.",
        **described(
            {200: AlertActed, 202: AlertActed}, INVALID, NOT_FOUND, OTHER_INCIDENT, BROKER_AWAY, BUSY, NO_LINK,
            OLD_LINK, TOO_MANY, body=BODY, links=True,
        ),
    )  # fmt: skip
    async def act(alert_id: str, request: Request) -> Response:
        right = deps.rights.of(request)
        asked = await _asked(request)
        right.require(alert_id, asked.incident, action)
        outcome = await _taken(deps, _act(deps.clock, alert_id, action, asked, right))
        deps.metrics.alert_requests.labels(action, right.kind).inc()
        body = {"now_us": deps.clock.now_us(), "alert": deps.alerts.shown(outcome.alert), "shown": outcome.shown}
        return as_json(body, 200 if outcome.shown else 202)


async def _asked(request: Request) -> AlertRequest:
    try:
        return validated(AlertRequest, read_json(await read_body(request, MOST_BODY)))
    except Malformed as bad:
        raise Problem(INVALID, bad.en, bad.zh) from None


def _act(clock: Clock, alert_id: str, action: str, asked: AlertRequest, right: Right) -> Act:
    """What is written. Raises Problem where something is missing."""
    who, now_us = right.by or asked.by, clock.now_us()
    if who is None:
        raise Problem(INVALID, "by: say who you are", "by：请填写姓名")
    shelving = action == SHELVE
    if shelving and asked.reason is None:
        raise Problem(INVALID, "reason: say why it is shelved", "reason：请填写搁置原因")
    until = asked.until if shelving else None
    if until is not None and not now_us < until <= now_us + LONGEST_SHELVED_US:
        raise Problem(INVALID, "until: expected within the next 7 days", "until：应在今后 7 天之内")
    action_id, reason = asked.action_id or secrets.token_hex(16), asked.reason if shelving else None
    return Act(action_id, alert_id, asked.incident, action, who, right.via, now_us, until, reason)


async def _taken(deps: AlertDeps, act: Act) -> Outcome:
    try:
        return await deps.acts.take(act)
    except NoSuchAlert:
        raise _no_alert(act.alert_id) from None
    except OtherIncident as other:
        raise Problem(
            OTHER_INCIDENT,
            "what you saw is over and it was raised anew: look again",
            "您看到的告警已结束并再次触发：请重新查看",
            alert=deps.alerts.shown(other.alert),
        ) from None
    except BrokerAway:
        raise retry_after(BROKER_AWAY, "nothing was done: try again", "尚未生效：请稍后重试", 2) from None
    except TooManyPending:
        raise retry_after(BUSY, "try again in a moment", "请稍后重试", 2) from None


def _found(deps: AlertDeps, alert_id: str) -> Alert:
    alert = deps.alerts.find(alert_id)
    if alert is None:
        raise _no_alert(alert_id)
    return alert


def _no_alert(alert_id: str) -> Problem:
    return Problem(NOT_FOUND, f"no alert {alert_id!r}", f"没有告警 {alert_id!r}")


async def _stored(deps: AlertDeps, alert: Alert) -> dict[str, Any]:
    """What the database adds; null where it does not answer, for the alert itself must be seen all the same."""
    try:
        return await read_rows(deps.rows, lambda rows: rows.of(alert["alert_id"], alert["units"]))
    except Problem:
        return {"changes": None, "actions": None, "whereabouts": None}
