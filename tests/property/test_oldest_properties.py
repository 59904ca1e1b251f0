"""The oldest open stays of an operation: always those of a plain sorted list, whatever opened and closed before."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.core.ledger import Oldest

UNITS = st.sampled_from(["A", "AB", "A-1", "单元", "é", "z" * 40, *map(str, range(100))])
INSTANTS = st.integers(-5, 5) | st.integers(-(1 << 62), 1 << 62)
VISITS = st.sampled_from(["gate:7", "5e1f8a53-77a4-4b67-a24e-00000000002a", "0123456789abcdef0123456789abcdef"])


class Stays(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.oldest = Oldest()
        self.open: dict[str, tuple[int, str]] = {}

    @rule(unit=UNITS, arrived=INSTANTS, visit=VISITS)
    def opens(self, unit: str, arrived: int, visit: str) -> None:
        self.closes(unit)
        self.oldest.add(unit, arrived, visit)
        self.open[unit] = arrived, visit

    @rule(unit=UNITS)
    def closes(self, unit: str) -> None:
        stay = self.open.pop(unit, None)
        if stay is not None:
            self.oldest.remove(unit, *stay)

    @rule(unit=UNITS, times=st.integers(60, 200))
    def closes_and_opens_again_and_again(self, unit: str, times: int) -> None:
        for _ in range(times):
            self.opens(unit, 7, "gate:7")

    @invariant()
    def the_oldest_are_known(self) -> None:
        in_order = sorted((arrived, unit, visit) for unit, (arrived, visit) in self.open.items())
        assert self.oldest.first(10) == [(unit, arrived, visit) for arrived, unit, visit in in_order[:10]]
        assert len(self.oldest) == len(self.open)


TestStays = Stays.TestCase
TestStays.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
