"""DingTalk custom robots (钉钉自定义机器人): markdown, or an action card where there is a link and nobody to mention.

Messages https://open.dingtalk.com/document/orgapp/custom-bot-send-message-type
加签     https://open.dingtalk.com/document/robots/customize-robot-security-settings
20 messages a minute, else the robot is silenced for ten: https://open.dingtalk.com/document/robots/custom-robot-access
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from services.adapters.channels.judged import by_code
from services.adapters.channels.markup import inert
from services.adapters.channels.outbound import Answer
from services.core.delivery import Note, Outcome, Said

PUBLIC = "https://oapi.dingtalk.com"
PER_MINUTE = 20
BUTTON = "打开 Open"
SILENCED_SECONDS = 600.0

_TOKEN = "check the token 请检查机器人令牌"
_SAFETY = (
    "the robot's security settings do not let it pass: check secret and keyword, or this server's address "
    "请检查机器人的加签密钥、关键词或 IP 白名单"
)
KNOWN: Mapping[int, Outcome] = {
    -1: Outcome(Said.AWAY),
    130101: Outcome(Said.TOO_OFTEN, retry_after_s=SILENCED_SECONDS),
    410100: Outcome(Said.TOO_OFTEN, retry_after_s=SILENCED_SECONDS),
    660026: Outcome(Said.TOO_OFTEN, retry_after_s=SILENCED_SECONDS),
    300001: Outcome(Said.MISCONFIGURED, _TOKEN),
    300005: Outcome(Said.MISCONFIGURED, _TOKEN),
    400101: Outcome(Said.MISCONFIGURED, _TOKEN),
    400102: Outcome(Said.MISCONFIGURED, "the robot is switched off 机器人已停用"),
    400106: Outcome(Said.MISCONFIGURED, "there is no such robot any more 机器人不存在"),
    400013: Outcome(Said.MISCONFIGURED, "the group is gone 群已解散"),
    310000: Outcome(Said.MISCONFIGURED, _SAFETY),
    400105: Outcome(Said.REFUSED),
    430101: Outcome(Said.REFUSED, "an unsafe link 含有不安全的链接"),
    430102: Outcome(Said.REFUSED, "inappropriate words 含有不合适的文本"),
}


def address(base: str, token: str, secret: str | None, now_us: int) -> str:
    """Where to post; with a secret signed for this moment."""
    query = {"access_token": token}
    if secret is not None:
        stamp = now_us // 1000
        digest = hmac.digest(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256)
        query |= {"timestamp": str(stamp), "sign": base64.b64encode(digest).decode()}
    return f"{base.rstrip('/')}/robot/send?{urlencode(query)}"


def body(note: Note, mobiles: Sequence[str], keyword: str | None) -> bytes:
    """The message."""
    title, text = inert(note.message.title), _text(note, keyword)
    content: dict[str, Any]
    if note.link is not None and not mobiles:
        card = {"title": title, "text": text, "singleTitle": BUTTON, "singleURL": note.link}
        content = {"msgtype": "actionCard", "actionCard": card}
    else:
        link = f"\n\n[{BUTTON}]({note.link})" if note.link is not None else ""
        mentioned = "\n\n" + " ".join(f"@{mobile}" for mobile in mobiles) if mobiles else ""
        content = {
            "msgtype": "markdown",
            "markdown": {"title": title, "text": text + link + mentioned},
            "at": {"atMobiles": list(mobiles), "isAtAll": False},
        }
    return json.dumps(content, ensure_ascii=False).encode()


def _text(note: Note, keyword: str | None) -> str:
    lines = [f"### {inert(note.message.title)}"]
    lines += [
        f"**{line.label}** {inert(line.text)}" if line.label else inert(line.text) or "---"
        for line in note.message.lines
    ]
    if keyword is not None and keyword not in "\n".join(lines):
        lines.append(keyword)
    return "\n\n".join(lines)


def judge(answer: Answer, now_us: int) -> Outcome:
    """What the robot said: `errcode` in a 200."""
    return by_code(answer, now_us, ("errcode",), KNOWN, ("errmsg",))
