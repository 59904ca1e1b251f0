"""Quantile sketch of durations: logarithmic buckets with counts, which add up and can be taken apart again.

The mapping is the logarithmic one of DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable
quantile sketch with relative-error guarantees", VLDB 2019): bucket i holds the values in
[GAMMA^i, GAMMA^(i+1)) and answers with 2·GAMMA^(i+1) / (GAMMA + 1), which is at most
(GAMMA − 1) / (GAMMA + 1) = 0.990 % away from any of them. Buckets are never collapsed, so a sketch is a pure
function of the multiset of its values: it does not matter in which order they came, how they were grouped, or
what was added and removed in between. Between 1 µs and one year there are at most 1,570 buckets; a sketch
holds only those in use.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

GAMMA = 1.02
"""Upper edge of a bucket over its lower edge. A round number that keeps within 1 %."""

RELATIVE_ERROR = (GAMMA - 1) / (GAMMA + 1)
"""No quantile is further than this share from the true value of its rank."""

ZERO_BUCKET = -1
"""Bucket of the value 0, which has no logarithm. It sorts before every other bucket and answers exactly 0."""

_BUCKETS_PER_OCTAVE = 1 / math.log2(GAMMA)
_log2 = math.log2


def bucket_of(us: int) -> int:
    """Bucket of a duration in µs. Raises ValueError below zero."""
    if us > 0:
        return int(_log2(us) * _BUCKETS_PER_OCTAVE)
    if us == 0:
        return ZERO_BUCKET
    raise ValueError(f"a duration is never negative, got {us} µs")


def value_of(bucket: int) -> float:
    """The duration in µs a bucket answers with: the same relative distance from both of its edges."""
    if bucket == ZERO_BUCKET:
        return 0.0
    return float(2 * GAMMA ** (bucket + 1) / (GAMMA + 1))


@dataclass(slots=True)
class Sketch:
    """Counts by bucket. `buckets` holds no zero counts, so equal multisets of values give equal sketches."""

    buckets: dict[int, int] = field(default_factory=dict)

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[int, int]]) -> "Sketch":
        """Sketch from (bucket, count) pairs as `pairs` gives them; ValueError for what cannot be one."""
        buckets: dict[int, int] = {}
        for bucket, count in pairs:
            if bucket < ZERO_BUCKET or count < 1 or bucket in buckets:
                raise ValueError(f"not a sketch: bucket {bucket} with count {count}")
            buckets[bucket] = count
        return cls(buckets)

    def pairs(self) -> list[tuple[int, int]]:
        """(bucket, count) in order of bucket: the same list for equal sketches, whatever their past."""
        return sorted(self.buckets.items())

    def add(self, us: int) -> None:
        """Count one duration in µs. Raises ValueError below zero."""
        bucket = bucket_of(us)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def remove(self, us: int) -> None:
        """Take back one `add` of this duration. Raises ValueError where its bucket is empty."""
        bucket = bucket_of(us)
        count = self.buckets.get(bucket, 0)
        if count > 1:
            self.buckets[bucket] = count - 1
        elif count == 1:
            del self.buckets[bucket]
        else:
            raise ValueError(f"cannot remove {us} µs: the sketch holds nothing in its bucket {bucket}")

    def merge(self, other: "Sketch") -> None:
        """Add everything the other sketch holds; the other is left as it is."""
        mine = self.buckets
        for bucket, count in other.buckets.items():
            mine[bucket] = mine.get(bucket, 0) + count

    def subtract(self, other: "Sketch") -> None:
        """Take back a `merge`. ValueError, and nothing changes, where the other holds more than this one."""
        theirs = list(other.buckets.items())
        for bucket, count in theirs:
            held = self.buckets.get(bucket, 0)
            if held < count:
                raise ValueError(f"cannot subtract {count} from bucket {bucket}, which holds {held}")
        for bucket, count in theirs:
            if self.buckets[bucket] == count:
                del self.buckets[bucket]
            else:
                self.buckets[bucket] -= count

    def count(self) -> int:
        """How many durations are held."""
        return sum(self.buckets.values())

    def quantile(self, p: float) -> float | None:
        """Duration in µs of rank ⌊p·(n − 1)⌋ counted from 0 (DDSketch's lower quantile); None when empty.

        Raises ValueError where p is outside 0..1.
        """
        return self.quantiles((p,))[0]

    def quantiles(self, ps: Sequence[float]) -> list[float | None]:
        """`quantile` of several p in one pass; ps ascending, else ValueError."""
        if any(not 0 <= p <= 1 for p in ps) or list(ps) != sorted(ps):
            raise ValueError(f"quantiles are asked for in ascending order within 0..1, got {list(ps)}")
        last = self.count() - 1
        if last < 0:
            return [None] * len(ps)
        found: list[float | None] = []
        seen = 0
        for bucket, count in self.pairs():
            seen += count
            while len(found) < len(ps) and int(ps[len(found)] * last) < seen:
                found.append(value_of(bucket))
        return found
