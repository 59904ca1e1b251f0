"""What the store leans on of aiokafka's group membership beside its public names."""

import asyncio
import inspect
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import UnknownMemberIdError
from aiokafka.protocol.group import JoinGroupRequest

from services import settings
from services.adapters.kafka_consumer import GroupFeed


def test_a_member_that_the_group_has_forgotten_has_no_id_until_it_joins_again() -> None:
    assert not JoinGroupRequest.UNKNOWN_MEMBER_ID
    assert "self.member_id = JoinGroupRequest.UNKNOWN_MEMBER_ID" in inspect.getsource(GroupCoordinator.reset_generation)


def test_the_listener_is_asked_before_the_client_joins_again() -> None:
    source = inspect.getsource(GroupCoordinator.ensure_active_group)
    assert source.index("_on_join_prepare(") < source.index("_do_rejoin_group(")


class Client:
    """A client as the group's coordinator leaves it: with a member id, or without."""

    def __init__(self, member_id: str) -> None:
        self._coordinator = SimpleNamespace(member_id=member_id)

    def pause(self, *partitions: TopicPartition) -> None:
        """Nothing is fetched here."""

    async def stop(self) -> None:
        """There is nothing to leave."""


@pytest.mark.parametrize(
    ("instance", "member_id", "ends"),
    [("store-0", "", True), ("store-0", "still-known", False), (None, "", False)],
    ids=["forgotten", "rebalance", "without a name of its own"],
)
async def test_a_named_member_that_was_forgotten_ends_before_it_could_join_again(
    instance: str | None, member_id: str, ends: bool
) -> None:
    async def let_go() -> None:
        pass

    feed = GroupFeed(settings.read({"FLOORSTREAM_KAFKA": "nowhere:1"}).kafka, "g", ("t",), let_go)
    feed._consumer, feed._instance = Client(member_id), instance
    await feed.on_partitions_assigned([TopicPartition("t", 0)])
    joins_again = asyncio.create_task(feed.on_partitions_revoked([TopicPartition("t", 0)]))
    remains = asyncio.create_task(feed.remain())
    done, _ = await asyncio.wait([joins_again, remains], return_when=asyncio.FIRST_COMPLETED)
    assert done == {remains if ends else joins_again}
    if ends:
        with pytest.raises(UnknownMemberIdError, match="no longer knows store-0"):
            await remains
    await feed.stop()
    assert joins_again.done() is not ends
    joins_again.cancel()
    remains.cancel()
