"""The plant-model versions as the rules read them, built from the master data as their markers ask for them."""

import asyncio
import contextlib

from services.adapters.plant_master import follow
from services.core.equipment import PlantModel


class PlantModels:
    """`models` holds every version up to the highest that was asked for by its number."""

    def __init__(self, brokers: str) -> None:
        """Connects in run()."""
        self.models: dict[int, PlantModel] = {}
        self._master = follow(brokers)

    async def run(self) -> None:
        """Follow the master data until cancelled."""
        await self._master.run()

    @property
    def complete(self) -> bool:
        """Has everything been read that was there at the start?"""
        return self._master.complete

    def newest(self) -> PlantModel | None:
        """The highest version there is now, None before the first."""
        version = self._master.newest
        if version and version not in self.models:
            self.models[version] = PlantModel.from_document(self._master.versions[version], version)
        return self.models.get(version)

    async def get(self, version: int) -> None:
        """Have this version and all before it; waits until they are there, for nothing can be folded without them."""
        for each in range(1, version + 1):
            if each not in self.models:
                document = await self._master.get(each)
                self.models[each] = PlantModel.from_document(document, each)


async def ended(task: "asyncio.Task[None]") -> None:
    """Cancel a background task and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
