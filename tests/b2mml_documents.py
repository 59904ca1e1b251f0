"""B2MML documents as planning systems write them, and the published schemas, where they are beside the repository."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "b2mml"
NAMESPACE = "http://www.mesa.org/xml/B2MML"
AREA = "<ApplicationArea><CreationDateTime>2026-11-23T05:00:00Z</CreationDateTime></ApplicationArea>"


@lru_cache(maxsize=1)
def schemas() -> Any:
    """The schemas of V0700 as lxml reads them; skips where they are not."""
    path = DATA / "Schema_V0700" / "AllSchemas.xsd"
    if not path.exists():
        pytest.skip("real data absent: b2mml is not beside the repository")
    return etree.XMLSchema(file=str(path))


def faults(document: bytes) -> list[str]:
    """What the published schemas say against a document."""
    schema = schemas()
    schema.validate(etree.fromstring(document))
    return [f"line {error.line}: {error.message}" for error in schema.error_log]


def quantity(pieces: str, unit: str = "") -> str:
    """A quantity."""
    of = f"<UnitOfMeasure>{unit}</UnitOfMeasure>" if unit else ""
    return f"<Quantity><QuantityString>{pieces}</QuantityString><DataType>decimal</DataType>{of}</Quantity>"


def material(product: str, pieces: str, use: str = "Produced", unit: str = "") -> str:
    """A requirement of material."""
    return (
        f"<MaterialRequirement><ID>M-{product}</ID><MaterialDefinitionID>{product}</MaterialDefinitionID>"
        f"<MaterialUse>{use}</MaterialUse>{quantity(pieces, unit)}</MaterialRequirement>"
    )


def segment(inner: str, name: str = "10", *, times: str = "", child: bool = False) -> str:
    """A requirement of a segment."""
    tag = "SegmentRequirementChild" if child else "SegmentRequirement"
    return (
        f"<{tag}><ID>{name}</ID>{times}<ProcessSegmentID>OP{name}</ProcessSegmentID>"
        f"<OperationsDefinitionID>D</OperationsDefinitionID><OperationsSegmentID>S</OperationsSegmentID>{inner}</{tag}>"
    )


def request(order_id: str, inner: str, head: str = "") -> str:
    """A request of an operations schedule. `head`: what stands before its segments."""
    return f"<OperationsRequest><ID>{order_id}</ID>{head}{inner}</OperationsRequest>"


def operations(*requests: str, verb: str = "Process", declaration: str = "", namespace: str = NAMESPACE) -> bytes:
    """An operations schedule, bare or in a message."""
    schedule = f"<ID>S1</ID>{''.join(requests)}"
    if not verb:
        text = f'{declaration}<OperationsSchedule xmlns="{namespace}">{schedule}</OperationsSchedule>'
    else:
        name = f"{verb}OperationsSchedule"
        text = (
            f'{declaration}<{name} xmlns="{namespace}" releaseID="7">{AREA}<DataArea><{verb}/>'
            f"<OperationsSchedule>{schedule}</OperationsSchedule></DataArea></{name}>"
        )
    return text.encode()


def job(order_id: str, *materials: str, head: str = "") -> str:
    """A request of a work schedule with one job."""
    jobs = f"<JobOrder><ID>{order_id}-1</ID>{''.join(materials)}</JobOrder>"
    return f"<WorkRequest><ID>{order_id}</ID>{head}{jobs}</WorkRequest>"


def work(*requests: str, verb: str = "Sync", child: str = "") -> bytes:
    """A work schedule in a message, its names with a prefix."""
    name = f"{verb}WorkSchedule"
    schedule = f"<WorkSchedule><ID>S2</ID>{child}{''.join(requests)}</WorkSchedule>"
    text = f'<{name} releaseID="7">{AREA}<DataArea><{verb}/>{schedule}</DataArea></{name}>'
    prefixed = re.sub(r"<(/?)(\w)", r"<\1b:\2", text)
    return prefixed.replace(" releaseID", f' xmlns:b="{NAMESPACE}" releaseID', 1).encode()
