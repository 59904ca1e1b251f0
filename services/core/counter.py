"""Part counters of machines: totals from readings that roll over, are reset and are missed for a while.

A counter is read now and then; what it has counted between two readings, in order of their event time, is

    rise                                            new − old
    fall, modulus known, both below it, and
      at most half a modulus forward to the new one  rollover: new + modulus − old
    any other fall                                  reset: the new reading is where counting begins again, 0 parts

So no step is ever negative. The half is the rule of serial numbers (RFC 1982, section 3.2): as long as less than half
a modulus is counted between two readings a rollover is never taken for a reset, however many readings were missed. The
price: a reset from more than half the modulus looks like a rollover, so the modulus told must be the counter's own, not
a small one. A reading that comes late is no fall: readings are put in order before they are counted (machines.py).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counter:
    """What is known of a counter: `total` parts since its first reading. `reading` None: never read."""

    reading: int | None = None
    total: int = 0
    modulus: int | None = None
    resets: int = 0

    def read(self, reading: int, modulus: int | None) -> "Counter":
        """The counter after its next reading. `modulus` None: as it was told before."""
        modulus = self.modulus if modulus is None else modulus
        if self.reading is None:
            return Counter(reading, self.total, modulus, self.resets)
        step = forward(self.reading, reading, modulus)
        return Counter(reading, self.total + (step or 0), modulus, self.resets + (step is None))


NEVER_READ = Counter()


def forward(old: int, new: int, modulus: int | None) -> int | None:
    """Parts counted from one reading to the next; None where the counter was reset in between."""
    if new >= old:
        return new - old
    if modulus is None or old >= modulus:
        return None
    step = new + modulus - old
    return step if 2 * step <= modulus else None
