"""Sends scans to the front door: again with the same bytes while it cannot take them, and what became of each.

A repeat is recognised by its event_id (made from the content where it is left out), so sending again changes nothing.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from services.core.forwarding import is_verdict

MOST_ITEMS = 500
MOST_BYTES = 256 * 1024
KEY_VARIABLE = "FLOORSTREAM_API_KEY"
SOURCE_NAME = "X-Source"
LINES = b"application/x-ndjson"
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0
ANSWER_SECONDS = 30.0
PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Answers that another try may change."""


class Refused(Exception):
    """The front door takes nothing of this request, and would not the next time; the message says why."""


class Unreachable(Exception):
    """Nobody took the request within the time given; the message says what happened last."""


SCANS_PATH = "/v1/scans"
MACHINE_EVENTS_PATH = "/v1/machine-events"


@dataclass
class Verdicts:
    """What became of the items of one or more requests. `results`: as the front door gave them."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    results: list[dict[str, Any]] = field(default_factory=list)


def access_from_environment() -> dict[str, str]:
    """The header of the key in FLOORSTREAM_API_KEY, `ID.SECRET`; nothing where there is none."""
    key = os.environ.get(KEY_VARIABLE)
    return {"Authorization": f"Bearer {key}"} if key else {}


class ScansClient:
    """One connection pool to one front door; used with `async with`."""

    def __init__(self, url: str, source: str, *, patience_s: float | None = None, path: str = SCANS_PATH) -> None:
        """`source`: our name where the front door has no keys. `patience_s`: give up after so long; None: never."""
        self._path = path
        self._patience = patience_s
        self._client = httpx.AsyncClient(
            base_url=url,
            # A proxy of the environment knows nothing of this machine's loopback.
            trust_env=False,
            timeout=ANSWER_SECONDS,
            headers={SOURCE_NAME: source, **access_from_environment()},
        )

    async def __aenter__(self) -> Self:
        """Nothing is connected before the first request."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def send(self, events: Sequence[bytes], source: str | None = None, path: str | None = None) -> Verdicts:
        """One request of at most MOST_ITEMS events and MOST_BYTES. Raises Refused or Unreachable.

        `source`: whose events these are, where that is not us. `path`: where to, if not where all others go.
        """
        headers = {b"Content-Type": LINES}
        if source is not None:
            headers[SOURCE_NAME.encode()] = source.encode()
        body = b"\n".join(events)  # lines, not a list: an item that is no JSON spoils only itself
        loop = asyncio.get_running_loop()
        deadline = None if self._patience is None else loop.time() + self._patience
        pause = FIRST_PAUSE_SECONDS
        while True:
            answer, why = await self._post(path or self._path, body, headers)
            if answer is not None and answer.status_code not in PASSING:
                return _verdicts(answer, len(events))
            wait = max(pause, _retry_after(answer))
            if deadline is not None and loop.time() + wait > deadline:
                raise Unreachable(f"{self._client.base_url}: {why}")
            await asyncio.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _post(self, path: str, body: bytes, headers: Mapping[bytes, bytes]) -> tuple[httpx.Response | None, str]:
        try:
            answer = await self._client.post(path, content=body, headers=headers)
        except httpx.TransportError as error:
            return None, str(error) or type(error).__name__
        return answer, f"{answer.status_code} {said(answer)}"


def said(answer: httpx.Response) -> str:
    """What a problem says to people."""
    try:
        problem = answer.json()
        return " ".join(str(problem[name]) for name in ("title", "detail") if problem.get(name))
    except (ValueError, AttributeError):
        return answer.text[:200]


def _retry_after(answer: httpx.Response | None) -> float:
    text = answer.headers.get("retry-after", "") if answer is not None else ""
    return min(float(text), LONGEST_PAUSE_SECONDS) if text.isascii() and text.isdigit() else 0.0


def _verdicts(answer: httpx.Response, items: int) -> Verdicts:
    """Verdicts stand in an answer of any status if it decided about items."""
    try:
        results = answer.json()["results"]
    except (ValueError, KeyError, TypeError):
        raise Refused(f"{answer.status_code} {said(answer)}") from None
    if not (isinstance(results, list) and len(results) == items and all(map(is_verdict, results))):
        raise Refused(f"{answer.status_code}, but not a verdict for each of {items} events: is it a proxy?")
    verdicts = Verdicts(results=results)
    for result in results:
        if result["status"] == "accepted":
            verdicts.accepted += 1
        else:
            verdicts.refused[result["reason"]] += 1
    return verdicts
