"""WeCom group robots (企业微信群机器人): markdown, or text where somebody is mentioned by mobile number.

https://developer.work.weixin.qq.com/document/path/91770 (20 messages a minute; text 2048 bytes, markdown 4096)
Codes: https://developer.work.weixin.qq.com/document/path/90313
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from services.adapters.channels.judged import by_code
from services.adapters.channels.markup import inert, shortened, unmentioning
from services.adapters.channels.outbound import Answer
from services.core.delivery import Note, Outcome, Said

PUBLIC = "https://qyapi.weixin.qq.com"
PER_MINUTE = 20
TEXT_BYTES = 2048
MARKDOWN_BYTES = 4096
OPEN = "打开 Open"

_TOKEN = "check the key of the robot 请检查机器人的 key"
KNOWN: Mapping[int, Outcome] = {
    -1: Outcome(Said.AWAY),
    45009: Outcome(Said.TOO_OFTEN, retry_after_s=60.0),
    45033: Outcome(Said.TOO_OFTEN, retry_after_s=60.0),
    93000: Outcome(Said.MISCONFIGURED, _TOKEN),
    93004: Outcome(Said.MISCONFIGURED, "the robot is switched off 机器人已停用"),
    93008: Outcome(Said.MISCONFIGURED, "the robot is not in the group 机器人不在群中"),
    40001: Outcome(Said.MISCONFIGURED, _TOKEN),
    40014: Outcome(Said.MISCONFIGURED, _TOKEN),
    40008: Outcome(Said.REFUSED),
    40058: Outcome(Said.REFUSED),
    44004: Outcome(Said.REFUSED),
    45002: Outcome(Said.REFUSED, "too long 内容过长"),
}


def address(base: str, token: str) -> str:
    """Where to post."""
    return f"{base.rstrip('/')}/cgi-bin/webhook/send?{urlencode({'key': token})}"


def body(note: Note, mobiles: Sequence[str]) -> bytes:
    """The message; what does not fit is cut before the link."""
    content: dict[str, Any]
    if mobiles:
        text = unmentioning(f"{note.message.title}\n{note.message.text}")
        link = f"\n{note.link}" if note.link is not None else ""
        fitting = shortened(text, TEXT_BYTES - len(link.encode())) + link
        content = {"msgtype": "text", "text": {"content": fitting, "mentioned_mobile_list": list(mobiles)}}
    else:
        link = f"\n[{OPEN}]({note.link})" if note.link is not None else ""
        fitting = shortened(_markdown(note), MARKDOWN_BYTES - len(link.encode())) + link
        content = {"msgtype": "markdown", "markdown": {"content": fitting}}
    return json.dumps(content, ensure_ascii=False).encode()


def _markdown(note: Note) -> str:
    colour = "warning" if note.message.urgent else "info"
    lines = [f'**<font color="{colour}">{inert(note.message.title)}</font>**']
    for line in note.message.lines:
        label = f'<font color="comment">{line.label}</font> ' if line.label else ""
        lines.append(f"> {label}{inert(line.text)}")
    return "\n".join(lines)


def judge(answer: Answer, now_us: int) -> Outcome:
    """What the robot said: `errcode` in a 200."""
    return by_code(answer, now_us, ("errcode",), KNOWN, ("errmsg",))
