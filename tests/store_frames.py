"""What several track workers, some of them long dead, publish of one log; and what is true at its end.

A log of events, each of which opens, rewrites or removes visits of one unit; the state after any prefix is known.
A worker goes on from any mark that was there before it, cuts its frames as it likes, and may stop in the middle.
"""

import random
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Said:
    """A unit after a frame that ends at `offset`: the visits the frame touched as they are then, and those gone."""

    unit: str
    accepted: int
    offset: int
    visits: dict[int, str]
    deleted: list[int]


Truth = dict[str, tuple[int, dict[int, str]]]
"""Per unit: accepted events, and its visits by visit_seq."""


@dataclass
class Events:
    """The log, and the state after every prefix of it."""

    units: tuple[str, ...]
    touched: list[tuple[str, set[int]]] = field(default_factory=list)
    states: list[Truth] = field(default_factory=list)

    @classmethod
    def random(cls, rng: random.Random, count: int, units: tuple[str, ...] = ("U", "V", "W")) -> "Events":
        """A log of `count` events."""
        events = cls(units, states=[{unit: (0, {}) for unit in units}])
        for _ in range(count):
            unit = rng.choice(units)
            accepted, visits = events.states[-1][unit]
            visits = dict(visits)
            seqs = {rng.randint(1, 3) for _ in range(rng.randint(1, 2))}
            for seq in seqs:
                if seq in visits and rng.random() < 0.4:
                    del visits[seq]
                else:
                    # Few different texts: a visit may come back to what it was before the frame.
                    visits[seq] = rng.choice("ab")
            events.touched.append((unit, seqs))
            events.states.append({**events.states[-1], unit: (accepted + 1, visits)})
        return events

    @property
    def truth(self) -> Truth:
        """The units that had an event, at the end."""
        return {unit: state for unit, state in self.states[-1].items() if state[0]}

    def frame(self, start: int, end: int) -> list[Said]:
        """What a worker publishes for the events start..end, both included."""
        touched: dict[str, set[int]] = {}
        for unit, seqs in self.touched[start : end + 1]:
            touched.setdefault(unit, set()).update(seqs)
        said = []
        for unit, seqs in touched.items():
            accepted, visits = self.states[end + 1][unit]
            present = {seq: visits[seq] for seq in sorted(seqs) if seq in visits}
            said.append(Said(unit, accepted, end, present, sorted(seqs - present.keys())))
        return said


def published(rng: random.Random, events: Events, longest_frame: int = 1 << 30) -> list[Said | int]:
    """One partition of floor.visits; an int is a mark. It ends at or after the mark of the last event."""
    last = len(events.touched) - 1
    log: list[Said | int] = []
    marks = [-1]
    workers: list[tuple[int, list[Said | int]]] = []
    while last not in marks or rng.random() < 0.5:
        if not workers or rng.random() < 0.2:
            workers.append((rng.choice(marks[-3:]), []))
        number = rng.randrange(max(0, len(workers) - 3), len(workers))
        done, pending = workers[number]
        if not pending and done < last:
            end = rng.randint(done + 1, min(last, done + longest_frame))
            frame: list[Said | int] = [*events.frame(done + 1, end)]
            rng.shuffle(frame)
            done, pending = end, [*frame, end]
        sent = rng.randint(0, len(pending))
        log += pending[:sent]
        marks = sorted({*marks, *(record for record in pending[:sent] if isinstance(record, int))})
        workers[number] = (done, pending[sent:])
    return log
