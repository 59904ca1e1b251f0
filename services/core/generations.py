"""Lives of the log: which stored records are the whole truth of a partition while it is being written again.

    generation 1   ████████████           lost with its log
    generation 2   ████████████▒▒▒▒       filled with the records of 1, then live; lost before all of it was stored
    generation 3   filled from 2 where the store had got past what was filled, else from 1

So a rebuild may end, or be ended, at any moment: nothing is forgotten before its successor is whole.
"""

from collections.abc import Mapping
from typing import NamedTuple

Place = tuple[str, int]
"""Topic and partition."""


class Filling(NamedTuple):
    """How a partition's generation began: with the records of `source`, up to but not including offset `filled`."""

    source: int
    filled: int


def truth_of(
    place: Place, newest: int, fillings: Mapping[tuple[int, Place], Filling], stored: Mapping[tuple[int, Place], int]
) -> int:
    """The newest generation whose stored records of a partition are all that was ever stored of it.

    `stored`: the next offset the store reads, by generation and place; records before it are in the database.
    """
    generation = newest
    while (begun := fillings.get((generation, place))) is not None:
        if stored.get((generation, place), 0) >= begun.filled:
            break
        generation = begun.source
    return generation
