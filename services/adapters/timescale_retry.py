"""Runs a whole transaction again until it is done, where the trouble is one that passes.

passes      no connection, deadline, deadlock, serialisation, lock held, disk full, server stopping or read-only
stays       everything else: a wrong statement, a missing table, a value the table refuses; raised to the caller
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
# Classes and states of appendix A of the PostgreSQL manual.
PASSING_CLASSES = frozenset({"08", "40", "53", "57", "58"})
PASSING_STATES = frozenset({"55P03", "25006", "25P03"})

T = TypeVar("T")


def passes(error: BaseException) -> bool:
    """Is this a trouble that a later attempt of the same transaction may not meet?"""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] in PASSING_CLASSES or state in PASSING_STATES
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # a ValueError is a value that cannot be encoded: ours to mend
    return isinstance(error, OSError | TimeoutError)


async def until_done(attempt: Callable[[], Awaitable[T]], what: str) -> T:
    """The result of the first attempt that succeeds. Logs once when trouble begins and once when it is over."""
    pause = FIRST_PAUSE
    troubled = False
    while True:
        try:
            result = await attempt()
        except Exception as error:
            if not passes(error):
                raise
            if not troubled:
                log.warning("%s: database not usable (%s: %s); trying again", what, type(error).__name__, error)
            troubled = True
            # Half of the pause is chance, so that stages that lost one server do not come back as one.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, LONGEST_PAUSE)
        else:
            if troubled:
                log.warning("%s: database usable again", what)
            return result
