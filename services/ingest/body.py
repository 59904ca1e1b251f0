"""The items of a request: not more of them than may be."""

from fastapi import Request

from services.adapters.problems import BAD_REQUEST, TOO_LARGE, Problem
from services.adapters.request_body import read_body
from services.adapters.submitted import split

MOST_ITEMS = 500


async def read_items(request: Request) -> list[bytes]:
    """The items of a body: one, a list, or JSON Lines. Raises Problem."""
    body = await read_body(request)
    kind = request.headers.get("content-type", "").lower()
    items = split(body, lines="ndjson" in kind or "jsonl" in kind or "json-lines" in kind)
    if not items or not body.strip():
        raise Problem(
            BAD_REQUEST,
            "there is nothing in the body: send an object, a list of objects, or one object per line",
            "请求体为空：请发送一个对象、对象列表，或每行一个对象",
        )
    if len(items) > MOST_ITEMS:
        raise Problem(
            TOO_LARGE,
            f"{len(items)} items; a request may have {MOST_ITEMS}: send them in parts",
            f"共 {len(items)} 项；每个请求最多 {MOST_ITEMS} 项：请分批发送",
            limit_items=MOST_ITEMS,
        )
    return items
