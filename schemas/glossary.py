"""The words people see, in English and Chinese, from `glossary.yaml`; every enumeration has its group."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter

from schemas.alerts import AlertActionKind, AlertChange, AlertEnd, AlertState, SubjectKind
from schemas.channels import Kind
from schemas.event import Action
from schemas.machine import MachineState
from schemas.mapping_document import EventKind, FileFormat
from schemas.master import OrderChange
from schemas.plant_alerting import Language, Measure, Priority
from schemas.plant_document import (
    CounterKind,
    DwellClock,
    EpcisAction,
    Identifiers,
    LastingState,
    Presence,
    ReadPointAction,
)
from schemas.rejects import Origin, Reason
from schemas.visits import Flag, Outcome, Phase, UnitStatus
from schemas.work_units import MachineCondition

FILE = Path(__file__).parent / "glossary.yaml"

GROUP_OF: Mapping[type[StrEnum], str] = {
    Action: "actions",
    ReadPointAction: "actions",
    EpcisAction: "actions",
    Identifiers: "identifiers",
    EventKind: "event_kinds",
    FileFormat: "file_formats",
    Phase: "phases",
    UnitStatus: "statuses",
    Outcome: "outcomes",
    Flag: "flags",
    Reason: "reasons",
    Origin: "origins",
    Presence: "presences",
    DwellClock: "dwell_clocks",
    MachineState: "machine_states",
    LastingState: "machine_states",
    CounterKind: "machine_counters",
    OrderChange: "order_changes",
    MachineCondition: "machine_conditions",
    AlertState: "alert_states",
    AlertChange: "alert_changes",
    AlertEnd: "alert_ends",
    AlertActionKind: "alert_actions",
    SubjectKind: "alert_subjects",
    Priority: "alert_priorities",
    Measure: "alert_measures",
    Language: "languages",
    Kind: "channel_kinds",
}
"""Enumeration of the contract → its group in the glossary."""

_Words = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class Entry(BaseModel):
    """One word: its label and, where the label does not say it all, its meaning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    en: _Words
    zh: _Words
    means_en: _Words | None = None
    means_zh: _Words | None = None


Glossary = dict[str, dict[str, Entry]]


@cache
def glossary() -> Glossary:
    """Group → word → entry."""
    return TypeAdapter(Glossary).validate_python(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def label(value: StrEnum, language: str) -> str:
    """What people read for a value of the contract, in `en` or `zh`."""
    entry = glossary()[GROUP_OF[type(value)]][value.value]
    return entry.zh if language == "zh" else entry.en
