"""What the store leans on of aiokafka's group membership beside its public names."""

import inspect

from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.group import JoinGroupRequest


def test_a_member_that_the_group_has_forgotten_has_no_id_until_it_joins_again() -> None:
    assert not JoinGroupRequest.UNKNOWN_MEMBER_ID
    assert "self.member_id = JoinGroupRequest.UNKNOWN_MEMBER_ID" in inspect.getsource(GroupCoordinator.reset_generation)


def test_the_listener_is_asked_before_the_client_joins_again() -> None:
    source = inspect.getsource(GroupCoordinator.ensure_active_group)
    assert source.index("_on_join_prepare(") < source.index("_do_rejoin_group(")
