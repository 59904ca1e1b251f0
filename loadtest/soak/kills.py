"""What is done to the stack while it works: kills at random, workers that come and go, a sleeper, a broker restart.

Everything is tied to how much of the load has been sent, and the load waits for what is due: all of it is under load.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from loadtest.soak.stack import KAFKA, STAGES, Stack, StackFailed, until

COMES_BACK_SECONDS = 120.0
SLEEP_SECONDS = 25.0
"""More than twice the session timeout of 10 s: the sleeper's partitions have long gone to others."""
FIRST_EXTRA, EXTRA = 1, 2
"""Workers of track besides the supervisor's: 1 → 3 → 1."""

Step = tuple[float, Callable[[], Awaitable[None]]]


@dataclass
class Kills:
    """`killed`: how often each was killed. `steps`: what is due at which progress of the load, in order."""

    stack: Stack
    rng: random.Random
    count: int
    apache: bool
    """The broker keeps its log and expires members that sleep."""
    say: Callable[[str], None]
    killed: Counter[str] = field(default_factory=Counter)
    done: list[str] = field(default_factory=list)
    _due: float = 0.0
    _asleep: str = ""
    _sleeper: asyncio.Task[None] | None = None

    async def run(self, progress: Callable[[], float]) -> None:
        """Do all of it as the load goes on."""
        for at, step in self._steps():
            self._due = at
            await until(lambda at=at: progress() >= at)  # type: ignore[misc]
            await step()
        self._due = float("inf")

    def is_behind(self, progress: float) -> bool:
        """Is something due that has not been done yet?"""
        return progress > self._due

    def _steps(self) -> Sequence[Step]:
        steps: list[Step] = [(self.rng.uniform(0.02, 0.95), self._kill_somebody) for _ in range(self.count)]
        if self.apache:
            steps += [(0.2, self._more_workers), (0.35, self._one_sleeps), (0.65, self._fewer_workers)]
            steps += [(0.8, self._restart_broker)]
        return sorted(steps, key=lambda step: step[0])

    async def _kill_somebody(self) -> None:
        running = [name for name in (*STAGES, *self.stack.workers[1:]) if name != self._asleep]
        name = self.rng.choice(running)
        await self._signal(name, signal.SIGKILL)
        self.killed[name] += 1

    async def _more_workers(self) -> None:
        for number in range(FIRST_EXTRA, FIRST_EXTRA + EXTRA):
            self.stack.add_worker(number)
        self._note(f"track workers: {len(self.stack.workers)}")

    async def _fewer_workers(self) -> None:
        await self.wake()
        for name in self.stack.workers[1:]:
            await self.stack.take_away(name)
        self._note(f"track workers: {len(self.stack.workers)}")

    async def _one_sleeps(self) -> None:
        """A worker sleeps past its session and wakes up, while the load and the kills go on."""
        self._asleep = self.stack.workers[-1]
        await self._signal(self._asleep, signal.SIGSTOP)
        self._sleeper = asyncio.create_task(self._wakes_up(self._asleep))

    async def wake(self) -> None:
        """Nobody is left asleep."""
        if self._sleeper is not None:
            await self._sleeper

    async def _wakes_up(self, name: str) -> None:
        pid = self.stack.pid(name)
        await asyncio.sleep(SLEEP_SECONDS)
        if self.stack.pid(name) != pid or not self.stack.send(name, signal.SIGCONT):
            raise StackFailed(f"{name} ended in its sleep")
        self._asleep = ""
        self._note(f"{name} slept for {SLEEP_SECONDS:.0f} s")

    async def _restart_broker(self) -> None:
        """kill -9; the supervisor starts it again on the log it has."""
        before = self.stack.pid(KAFKA)
        await self._signal(KAFKA, signal.SIGKILL)
        await until(lambda: self.stack.pid(KAFKA) not in (None, before), "the broker is not back", COMES_BACK_SECONDS)
        self._note("the broker was killed and started again")

    async def _signal(self, name: str, number: signal.Signals) -> None:
        """As soon as it runs."""
        await until(lambda: self.stack.send(name, number), f"{name} is not back", COMES_BACK_SECONDS)

    def _note(self, what: str) -> None:
        self.done.append(what)
        self.say(what)
