"""The ingest stage as a process of its own, which a test kills at any moment.

WITHOUT=acknowledgements takes away that an answer waits for the broker, and WITHOUT=forgetting that what a schedule
took is free again, to see that the tests of them can fail.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services import settings
from services.adapters.kafka_producer import KafkaOutbox
from services.ingest import routes_b2mml
from services.ingest.app import main
from services.ports import Outgoing
from tests.stage_process import StageProcesses

LATE_S = 0.3
LOST_BYTES = 256 * 1024
_KEEP: set[Any] = set()


class IngestProcesses(StageProcesses):
    """Starts and ends front doors on one broker and one port."""

    def __init__(self, broker: str, profile: str, port: int, log_path: Path) -> None:
        environment = {
            "FLOORSTREAM_KAFKA": broker,
            "FLOORSTREAM_PROFILE": profile,
            "FLOORSTREAM_PORT": str(port),
            "FLOORSTREAM_PARTITIONS": "4",
            "FLOORSTREAM_DATABASE_URL": "",
            "FLOORSTREAM_KEYS_FILE": "",
        }
        super().__init__("tests.faults.ingest_process", log_path, environment)
        self.address = f"http://127.0.0.1:{port}"

    def start_again(self, **environment: str) -> subprocess.Popen[bytes]:
        """Kill the last one, if there is one, and start another."""
        for child in self._started[-1:]:
            child.kill()
            child.wait()
        return self.start(**environment)


def answer_at_once() -> None:
    """What was handed to the client counts as written; it is sent a little later."""
    send = KafkaOutbox.send

    async def hasty(self: KafkaOutbox, records: Sequence[Outgoing]) -> list[int]:
        async def later() -> None:
            await asyncio.sleep(LATE_S)
            await send(self, records)

        _KEEP.add(asyncio.ensure_future(later()))
        return [0] * len(records)

    KafkaOutbox.send = hasty  # type: ignore[method-assign]


def remember_schedules() -> None:
    """Each schedule, whatever it is, takes memory for good."""
    read, kept = routes_b2mml.read_xml, list[bytes]()

    def remembering(body: bytes) -> Any:
        kept.append(b"x" * LOST_BYTES)
        return read(body)

    routes_b2mml.read_xml = remembering


if __name__ == "__main__":
    if os.environ.get("WITHOUT") == "acknowledgements":
        answer_at_once()
    if os.environ.get("WITHOUT") == "forgetting":
        remember_schedules()
    sys.exit(main(os.environ, settings.read))
