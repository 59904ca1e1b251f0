"""How often one and the same right may be used over HTTP."""

from collections import OrderedDict
from dataclasses import dataclass, field

from services.adapters.problems import Kind, retry_after

TOO_MANY = Kind(429, "too-many-requests", "Too many requests", "请求过多")
BURST, PER_SECOND = 60.0, 2.0
MOST_KNOWN = 4_096


@dataclass(slots=True)
class Pace:
    """How often one and the same right may be used; what is known of old ones is forgotten."""

    burst: float = BURST
    per_second: float = PER_SECOND
    _left: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)

    def use(self, who: str, now_us: int) -> None:
        """Once more. Raises Problem where it is too often."""
        left, at_us = self._left.pop(who, (self.burst, now_us))
        left = min(self.burst, left + max(0, now_us - at_us) / 1_000_000 * self.per_second)
        self._left[who] = (max(0.0, left - 1), now_us)
        if len(self._left) > MOST_KNOWN:
            self._left.popitem(last=False)
        if left < 1:
            raise retry_after(TOO_MANY, "wait a few seconds", "请稍候几秒再试", 3)
