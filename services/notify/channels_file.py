"""Watches the channels file: another good one is a reason to start again, a bad one is not."""

import asyncio
import logging
import os
from pathlib import Path

from services.adapters.channels.file import BadChannels, read_channels

log = logging.getLogger("floorstream.notify")

WATCH_SECONDS = 2.0


class ChannelsChanged(Exception):
    """There is another channels file: start again."""


async def watch(channels_file: str) -> None:
    """Until cancelled. Raises ChannelsChanged once the file is another one that can be used."""
    path = Path(channels_file or os.devnull)
    known = stamp(path)
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        if stamp(path) == known:
            continue
        known = stamp(path)
        try:
            read_channels(path)
        except BadChannels as error:
            log.error("the channels file has changed but cannot be used; going on as before: %s", error)
        else:
            raise ChannelsChanged


def stamp(path: Path) -> tuple[int, int] | None:
    """Changes whenever the file does; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
