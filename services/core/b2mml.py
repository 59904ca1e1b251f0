"""B2MML (ISA-95 in XML, https://github.com/MESAInternational/B2MML-BatchML): elements as they are read.

Only names of the document's own namespace count; extensions in others are passed over. V0700 has one namespace for all
its minor versions; older versions carry theirs in its name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

NAMESPACE = "http://www.mesa.org/xml/B2MML"
_OLDER = re.compile(r"http://www\.(?:wbf|mesa)\.org/xml/B2MML-(V0[4-6]\d\d)", re.ASCII).fullmatch


def version_of(namespace: str) -> str | None:
    """`V0700`, or the older version a namespace names; None for what is no B2MML that can be read."""
    if namespace == NAMESPACE:
        return "V0700"
    older = _OLDER(namespace)
    return older[1] if older else None


@dataclass(slots=True, eq=False)
class Element:
    """An element. `line` from 1; `number` from 1 among its siblings of the same name, `alone` where there is no other;
    `text` outside of children."""

    namespace: str
    name: str
    line: int
    parent: "Element | None" = None
    number: int = 1
    alone: bool = True
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def all(self, *names: str) -> list["Element"]:
        """Its children of these names, in their order."""
        return [child for child in self.children if child.name in names and child.namespace == self.namespace]

    def first(self, name: str) -> "Element | None":
        """Its first child of this name."""
        return next(iter(self.all(name)), None)

    def value(self, name: str) -> "Element | None":
        """Its first child of this name that says something."""
        return next((child for child in self.all(name) if child.text.strip()), None)

    @property
    def path(self) -> str:
        """Where it stands, as XPath without prefixes: `/SyncWorkSchedule/DataArea/WorkSchedule/WorkRequest[2]/ID`."""
        steps: list[str] = []
        at: Element | None = self
        while at is not None:
            steps.append(at.name if at.alone else f"{at.name}[{at.number}]")
            at = at.parent
        return "/" + "/".join(reversed(steps))


class Node(NamedTuple):
    """An element to write: text, or elements in it."""

    name: str
    inside: "str | Sequence[Node]"


class Unfit(ValueError):
    """What cannot become an order; `path` is the element's, `en` and `zh` say what is expected there."""

    def __init__(self, at: Element, en: str, zh: str) -> None:
        self.path, self.line = at.path, at.line
        self.en = f"{self.path} (line {at.line}): {en}"
        self.zh = f"{self.path}（第 {at.line} 行）：{zh}"
        super().__init__(self.en)
