"""What the fault tests share: workers of track and a floor to feed them."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from services.adapters.topics import create_topics
from services.settings import KafkaSettings
from tests.faults.record import SEED
from tests.faults.scans import Floor
from tests.faults.track_process import TrackProcesses


@pytest.fixture
def workers(fresh_broker: str, broker_choice: str, tmp_path: Path) -> Iterator[TrackProcesses]:
    """Track workers on the broker, ended after the test."""
    profile = "embedded" if broker_choice == "embedded" else "kafka"
    processes = TrackProcesses(fresh_broker, profile, tmp_path)
    yield processes
    processes.end()


@pytest.fixture
async def floor(
    fresh_broker: str, broker_choice: str, record_property: Callable[[str, object], None]
) -> AsyncIterator[Floor]:
    """All topics, and the plant model in force."""
    await create_topics(KafkaSettings(fresh_broker, broker_choice == "embedded", 1, 4, 2, 6))
    floor = Floor(fresh_broker)
    await floor.publish_plant()
    yield floor
    record_property(SEED, " ".join(map(str, sorted(floor.seeds))))


@pytest.fixture
def real_kafka(broker_choice: str) -> None:
    """For what the embedded broker cannot show: it does not expire a stopped member."""
    if broker_choice == "embedded":
        pytest.skip("needs a real Kafka: --broker=apache")
