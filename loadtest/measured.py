"""One timed run in a process of its own: what it must reach, and what it used from taking work to having done it."""

import json
import os
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENDS, RESULT = "BENCH_ENDS", "BENCH_RESULT"
"""Names of the environment: last offset of each partition as JSON, and the file for the result."""


@dataclass(frozen=True)
class Used:
    """CPU seconds of all threads of this process, and the seconds of a clock that only runs forward."""

    cpu: float
    wall: float

    @classmethod
    def now(cls) -> "Used":
        """Since the process began."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return cls(usage.ru_utime + usage.ru_stime, time.monotonic())


@dataclass
class Run:
    """The run of this process; `folds`: how often a lane was given records."""

    ends: tuple[int, ...]
    result: Path
    begun: Used | None = None
    folds: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Run":
        """The run that the parent asks for."""
        return cls(tuple(json.loads(environment[ENDS])), Path(environment[RESULT]))

    def begin(self) -> None:
        """It takes work: from here on everything counts."""
        self.begun = self.begun or Used.now()

    def is_at_end(self, offsets: Mapping[int, int]) -> bool:
        """Whether every partition was folded to its last record."""
        return all(offsets.get(partition, -1) >= end for partition, end in enumerate(self.ends))

    def done(self) -> None:
        """Everything is acknowledged: write what was used."""
        assert self.begun is not None
        now = Used.now()
        used = {"cpu_s": now.cpu - self.begun.cpu, "wall_s": now.wall - self.begun.wall, "folds": self.folds}
        part = self.result.with_suffix(".part")
        part.write_text(json.dumps(used), encoding="utf-8")
        part.rename(self.result)
