"""What an edge node of Sparkplug tells → readings, by the same mapping as JSON messages.

A rule of the mapping sees this record: `$.kind` (NBIRTH, DBIRTH, NDATA, DDATA, NDEATH, DDEATH), `$.group`, `$.node`,
`$.device` (empty: the node itself), `$.time` of the values, `$.sent` by the clock of the sender, `$.historical`,
`$.metrics['any/name']` (those of this instant), `$.known['any/name']` (what was known last of that sender). A birth
tells again what is known, and a death has no metrics: rules that want neither say so by `when: {$.kind: …}`.
"""

from collections.abc import Mapping

from services.core.instant import format_with_offset
from services.core.mapping import RecordMapping, Unmapped
from services.core.message_reading import reading_of
from services.core.reading import Reading, Unreadable
from services.core.sparkplug_names import Address, News
from services.core.sparkplug_payload import Value

LAST_INSTANT = 253_402_300_799_999_999
"""µs: the end of the year 9999."""


def read_news(
    news: News, known: Mapping[str, object], mapping: RecordMapping, source: str
) -> list[Reading | Unreadable]:
    """Every reading of it, and what could not be read, with its reason. `known`: as `plain` gives it."""
    where = place(news.address)
    for instant in (news.time, news.sent or 0):
        if not 0 <= instant <= LAST_INSTANT:
            return [
                Unreadable(source, b"", f"{where}: no instant: {instant} µs", f"{where}：不是有效时间：{instant} µs")
            ]
    arrived = format_with_offset(news.arrived)
    record = {
        "kind": str(news.kind), "group": news.address.group, "node": news.address.node, "device": news.address.device,
        "time": format_with_offset(news.time), "sent": None if news.sent is None else format_with_offset(news.sent),
        "historical": news.historical, "metrics": plain(news.metrics),
        "known": known,
    }  # fmt: skip
    made: list[Reading | Unreadable] = []
    for one in mapping.read(record, {"$arrived": arrived, "$topic": [], "$property": {}}):
        if isinstance(one, Unmapped):
            raw = repr(record["metrics"]).encode("utf-8", "backslashreplace")
            words = f"{where}: {one.field}: {one.en}", f"{where}：{one.field}：{one.zh}"
            made.append(Unreadable(source, raw, *words))
        else:
            made.append(reading_of(one.kind, source, dict(one.event), arrived, news.arrived))
    return made


def place(address: Address) -> str:
    """An address as people write it: group/node/device."""
    return "/".join(part for part in (address.group, address.node, address.device) if part)


def plain(metrics: Mapping[str, Value]) -> dict[str, object]:
    """Bytes are no value of a field."""
    return {name: value for name, value in metrics.items() if not isinstance(value, bytes)}
