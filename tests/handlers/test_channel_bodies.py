"""What each kind of channel is sent: the forms of the public documentation, and nothing in a text becomes markup."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.adapters.channels import dingtalk, feishu, webhook, wecom
from services.core.delivery import Note
from services.core.messages import tell
from services.core.notices import facts_of
from tests.notify_alerts import T0, plant, version

FACTS = facts_of(version(), plant(), "firing")
NOTE = Note("wip_limit%7CL1.OP10/1/robot", tell(FACTS, "zh"), "https://f.example/andon?t=abc", ("zhang",), (FACTS,))
EVIL = "](http://x) <@all> <at id=all></at> @all **b** `c` <font color=red> # h\u202e"


def loaded(body: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(body)
    return value


def evil() -> Note:
    units = [{"unit_id": EVIL, "visit_id": "v", "arrived_us": T0}]
    facts = facts_of(version(units=units), plant(), "firing")
    return replace(NOTE, message=tell(facts, "zh"), link=None)


def test_dingtalk_card_where_there_is_a_link() -> None:
    """https://open.dingtalk.com/document/orgapp/custom-bot-send-message-type (整体跳转 ActionCard)"""
    text = (
        "### 【中】印刷：在制品超上限\n\n**地点** 印刷 (L1.OP10) · 一号线\n\n**情况** 在制 43，上限 40\n\n"
        "**先找** SN-1 (15 分钟)\n\n**处理** 疏通下道工序，或暂停向本工序投料\n\n**时间** 11-23 14:00\n\n告警"
    )
    assert loaded(dingtalk.body(NOTE, [], "告警")) == {
        "msgtype": "actionCard",
        "actionCard": {
            "title": "【中】印刷：在制品超上限", "text": text, "singleTitle": "打开 Open",
            "singleURL": "https://f.example/andon?t=abc",
        },
    }  # fmt: skip


def test_dingtalk_markdown_that_mentions_by_mobile_number() -> None:
    """https://open.dingtalk.com/document/orgapp/custom-bot-send-message-type (markdown: at, @ in the text)"""
    content = loaded(dingtalk.body(NOTE, ["13800000000"], None))
    assert content["msgtype"] == "markdown"
    assert content["at"] == {"atMobiles": ["13800000000"], "isAtAll": False}
    assert content["markdown"]["text"].endswith("[打开 Open](https://f.example/andon?t=abc)\n\n@13800000000")


def test_dingtalk_signs_timestamp_and_secret() -> None:
    """https://open.dingtalk.com/document/robots/customize-robot-security-settings: HMAC-SHA256 of
    "timestamp\\nsecret" with the secret, Base64, URL-encoded; checked with openssl:
    printf '1795413600000\\nSECabc' | openssl dgst -sha256 -hmac SECabc -binary | base64"""
    assert dingtalk.address("https://oapi.dingtalk.com/", "tok", "SECabc", T0) == (
        "https://oapi.dingtalk.com/robot/send?access_token=tok&timestamp=1795413600000"
        "&sign=hNNrrIoVgU7lPs%2FFqbzBq%2BqJhH8BdYJYOm%2B%2FY6i%2BPHw%3D"
    )


def test_a_keyword_that_is_there_already_is_not_added() -> None:
    assert loaded(dingtalk.body(NOTE, [], "超上限"))["actionCard"]["text"].endswith("11-23 14:00")


def test_wecom_markdown() -> None:
    """https://developer.work.weixin.qq.com/document/path/91770 (markdown类型)"""
    content = loaded(wecom.body(NOTE, []))
    assert content["msgtype"] == "markdown"
    assert content["markdown"]["content"].split("\n")[:2] == [
        '**<font color="warning">【中】印刷：在制品超上限</font>**',
        '> <font color="comment">地点</font> 印刷 (L1.OP10) · 一号线',
    ]
    assert content["markdown"]["content"].endswith("\n[打开 Open](https://f.example/andon?t=abc)")


def test_wecom_text_that_mentions_by_mobile_number() -> None:
    """https://developer.work.weixin.qq.com/document/path/91770 (文本类型: mentioned_mobile_list)"""
    content = loaded(wecom.body(NOTE, ["13800000000"]))
    assert content["msgtype"] == "text"
    assert content["text"]["mentioned_mobile_list"] == ["13800000000"]
    assert content["text"]["content"].startswith("【中】印刷：在制品超上限\n地点: 印刷 (L1.OP10)")


def test_feishu_card_with_signature() -> None:
    """https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot (签名校验: the key is "timestamp\\nsecret")"""
    content = loaded(feishu.body(NOTE, ["ou_1"], "告警", "sec", T0))
    assert content["timestamp"] == "1795413600"
    assert content["sign"] == "2EfCSYAQsolhg7bPT9DCCEDZ7AZeVz+zYdr1IhfzzeA="
    assert content["msg_type"] == "interactive"
    card = content["card"]
    assert card["header"] == {"title": {"tag": "plain_text", "content": "【中】印刷：在制品超上限"}, "template": "red"}
    assert card["elements"][0] == {
        "tag": "div", "text": {"tag": "plain_text", "content": "地点  印刷 (L1.OP10) · 一号线"},
    }  # fmt: skip
    assert card["elements"][-2]["text"] == {"tag": "lark_md", "content": "<at id=ou_1></at>"}
    assert card["elements"][-1]["actions"][0]["url"] == "https://f.example/andon?t=abc"


def test_webhook_carries_the_facts_and_a_signature_over_time_and_body() -> None:
    payload = webhook.body(NOTE)
    content = loaded(payload)
    assert content["alerts"][0]["key"] == "wip_limit|L1.OP10/1/firing"
    assert content["alerts"][0]["value"] == 43
    headers = webhook.headers(NOTE, payload, "s", T0)
    assert headers["Idempotency-Key"] == "wip_limit%7CL1.OP10/1/robot"
    assert headers["X-Floorstream-Timestamp"] == "1795413600"
    assert headers["X-Floorstream-Signature"].startswith("v1=")
    assert headers != webhook.headers(NOTE, payload + b" ", "s", T0)


def test_nothing_in_a_unit_id_is_markup_for_dingtalk() -> None:
    text = loaded(dingtalk.body(evil(), [], None))["markdown"]["text"]
    assert not set("[]<>`@") & set(text)
    assert text.count("**") == 2 * 5


def test_nothing_in_a_unit_id_mentions_anybody_or_is_markup_for_wecom() -> None:
    markdown = loaded(wecom.body(evil(), []))["markdown"]["content"]
    assert "<@" not in markdown
    assert markdown.count("<font") == 6
    text = loaded(wecom.body(evil(), ["13800000000"]))["text"]["content"]
    assert not set("<>@") & set(text)


def test_everything_from_the_floor_is_plain_text_for_feishu() -> None:
    elements = loaded(feishu.body(evil(), [], None, None, T0))["card"]["elements"]
    assert {element["text"]["tag"] for element in elements} == {"plain_text"}


@given(
    unit=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=256),
    mobiles=st.lists(st.just("13800000000"), max_size=1),
)
def test_wecom_messages_fit_and_keep_their_link(unit: str, mobiles: list[str]) -> None:
    units = [{"unit_id": unit, "visit_id": "v", "arrived_us": T0}] * 10
    facts = facts_of(version(units=units), plant(), "firing")
    content = loaded(wecom.body(replace(NOTE, message=tell(facts, "both")), mobiles))
    text = content[content["msgtype"]]["content"]
    assert len(text.encode()) <= {"text": 2048, "markdown": 4096}[content["msgtype"]]
    assert "https://f.example/andon?t=abc" in text


@pytest.mark.parametrize("most", [4, 10, 11, 12, 100])
def test_what_is_cut_is_whole_characters(most: int) -> None:
    cut = wecom.shortened("汉字汉字汉字", most)
    assert len(cut.encode()) <= most
    assert cut.rstrip("…") in "汉字汉字汉字"
