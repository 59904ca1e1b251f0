"""Feishu custom bots (飞书自定义机器人): a card whose texts are plain text, so nothing in them can be markup.

https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot (签名校验; 100 messages a minute, 20 KB)
Cards: https://open.feishu.cn/document/common-capabilities/message-card/getting-started/card-structure/overview
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from services.adapters.channels.judged import by_code
from services.adapters.channels.outbound import Answer
from services.core.delivery import Note, Outcome, Said

PUBLIC = "https://open.feishu.cn"
PER_MINUTE = 60
OPEN = "打开 Open"

KNOWN: Mapping[int, Outcome] = {
    9499: Outcome(Said.TOO_OFTEN, retry_after_s=60.0),
    11232: Outcome(Said.TOO_OFTEN, retry_after_s=60.0),
    19001: Outcome(Said.MISCONFIGURED, "check the token 请检查机器人令牌"),
    19021: Outcome(Said.MISCONFIGURED, "check the secret, and this server's clock 请检查签名密钥与服务器时钟"),
    19022: Outcome(Said.MISCONFIGURED, "this server's address is not on the bot's list 服务器地址不在机器人白名单中"),
    19024: Outcome(Said.MISCONFIGURED, "set `keyword` as the bot has it 请按机器人设置填写 keyword"),
    19002: Outcome(Said.REFUSED),
    230025: Outcome(Said.REFUSED, "too long 内容过长"),
}


def address(base: str, token: str) -> str:
    """Where to post."""
    return f"{base.rstrip('/')}/open-apis/bot/v2/hook/{token}"


def body(note: Note, people: Sequence[str], keyword: str | None, secret: str | None, now_us: int) -> bytes:
    """The message; with a secret signed for this moment. The key of the digest is the text that is signed."""
    content: dict[str, Any] = {"msg_type": "interactive", "card": _card(note, people, keyword)}
    if secret is not None:
        stamp = str(now_us // 1_000_000)
        digest = hmac.digest(f"{stamp}\n{secret}".encode(), b"", hashlib.sha256)
        content = {"timestamp": stamp, "sign": base64.b64encode(digest).decode(), **content}
    return json.dumps(content, ensure_ascii=False).encode()


def _card(note: Note, people: Sequence[str], keyword: str | None) -> dict[str, Any]:
    texts = [f"{line.label}  {line.text}" if line.label else line.text or "—" for line in note.message.lines]
    if keyword is not None and keyword not in "\n".join([note.message.title, *texts]):
        texts.append(keyword)
    elements: list[dict[str, Any]] = [{"tag": "div", "text": {"tag": "plain_text", "content": t}} for t in texts]
    if people:
        mentions = " ".join(f"<at id={person}></at>" for person in people)
        elements.append({"tag": "div", "text": {"tag": "lark_md", "content": mentions}})
    if note.link is not None:
        button = {
            "tag": "button", "text": {"tag": "plain_text", "content": OPEN}, "type": "primary", "url": note.link,
        }  # fmt: skip
        elements.append({"tag": "action", "actions": [button]})
    return {
        "config": {"wide_screen_mode": True},
        "header": {
            "title": {"tag": "plain_text", "content": note.message.title},
            "template": "red" if note.message.urgent else "green",
        },
        "elements": elements,
    }


def judge(answer: Answer, now_us: int) -> Outcome:
    """What the bot said: `code`, or `StatusCode` of its older form, in a 200."""
    return by_code(answer, now_us, ("code", "StatusCode"), KNOWN, ("msg", "StatusMessage"))
