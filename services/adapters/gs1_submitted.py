"""Scans of sources whose unit ids are GS1 identifiers (`identifiers: gs1` in the plant model): one name per thing.

A raw element string holds the separators (GS) that the contract refuses inside an id, because they carry meaning:
here they are read, before the contract reads the event.
"""

import json
from typing import Any

from schemas.message import Malformed, read_json
from services.adapters.submitted import require_shallow
from services.core.errors import BadScan, Reason
from services.core.gs1_ai import BadGs1
from services.core.gs1_names import product_of, read_name, unit_of
from services.core.text import EDGES

_MARKS = EDGES.replace("\x1d", "")
"""What scanners put around a read; a GS at the begin stands for FNC1 and is the parser's."""


def gs1_named(raw: bytes) -> bytes:
    """The item with unit_id and parent_ids as canonical GS1 Digital Links, and the GTIN as product_id if it has none.

    What is not JSON is left to the contract. Raises BadScan for what is no GS1 identifier of one thing or lot.
    """
    require_shallow(raw)
    try:
        event = read_json(raw)
    except Malformed:
        return raw
    unit, parents = event.get("unit_id"), event.get("parent_ids")
    if isinstance(unit, str):
        event["unit_id"], product = _named("unit_id", unit)
        if product is not None and not event.get("product_id"):
            event["product_id"] = product
    if isinstance(parents, list):
        event["parent_ids"] = [
            _named("parent_ids", parent)[0] if isinstance(parent, str) else parent for parent in parents
        ]
    return json.dumps(event, default=str).encode()


def _named(field: str, text: str) -> tuple[str, Any]:
    try:
        elements = read_name(text.strip(_MARKS))
    except BadGs1 as bad:
        raise BadScan(Reason.MALFORMED, f"{field}: {bad.en}", f"{field}：{bad.zh}") from None
    unit = unit_of(elements)
    if unit is None:
        raise BadScan(
            Reason.MALFORMED,
            f"{field}: names a kind or a place, not one thing: a GTIN needs a serial number (21) or a lot (10)",
            f"{field}：只标识了品类或地点：GTIN 需带序列号 (21) 或批号 (10)",
        )
    return unit, product_of(elements)
