"""Edge nodes of Sparkplug: a lost birth, a death, a gap and a restart each lead to what the specification asks for."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.core.sparkplug import FARTHEST, Host
from services.core.sparkplug_names import Address, AskRebirth, Kind, Message, News, Node, Outcome, Unread, read_topic
from services.core.sparkplug_payload import Metric, Payload, Value

SECOND = 1_000_000
NODE = Address("plant", "edge1")
PRESS = Address("plant", "edge1", "press")


def metric(name: str | None, value: Value, alias: int | None = None, time: int | None = None, **more: bool) -> Metric:
    return Metric(name=name, value=value, alias=alias, time=time, datatype=3 if name else 0, **more)


def message(kind: Kind, seq: int | None, *metrics: Metric, at: int = 0, time: int | None = 1_000) -> Message:
    return Message(kind, PRESS if kind.startswith("D") else NODE, Payload(time, seq, metrics), at)


def nbirth(seq: int = 0, bd_seq: int = 7, at: int = 0) -> Message:
    return message(Kind.NBIRTH, seq, metric("bdSeq", bd_seq), metric("Temperature", 20, alias=1), at=at)


def dbirth(seq: int = 1, at: int = 0) -> Message:
    return message(Kind.DBIRTH, seq, metric("State", 4, alias=2), metric("Good", 10, alias=3), at=at)


def ndeath(bd_seq: int, at: int = 0) -> Message:
    return message(Kind.NDEATH, None, metric("bdSeq", bd_seq), at=at)


def ddata(seq: int, value: int, at: int = 0) -> Message:
    return message(Kind.DDATA, seq, metric(None, value, alias=2), at=at)


def born() -> Host:
    host = Host()
    assert all(isinstance(outcome, News) for outcome in [*host.receive(nbirth()), *host.receive(dbirth())])
    return host


def node(host: Host) -> Node:
    return host.nodes["plant", "edge1"]


def states(outcomes: list[Outcome]) -> list[Value]:
    return [outcome.metrics["State"] for outcome in outcomes if isinstance(outcome, News)]


def asked(outcomes: list[Outcome]) -> list[Address]:
    return [outcome.address for outcome in outcomes if isinstance(outcome, AskRebirth)]


def test_topics() -> None:
    assert read_topic("spBv1.0/plant/DDATA/edge1/press") == (Kind.DDATA, PRESS)
    assert read_topic("spBv1.0/plant/NBIRTH/edge1") == (Kind.NBIRTH, NODE)
    for other in ("spBv1.0/STATE/host", "spBv1.0/plant/NCMD/edge1", "spBv1.0/plant/DDATA/edge1", "a/b/NDATA/d"):
        assert read_topic(other) is None
    assert read_topic("spBv1.0/plant/NDATA/edge1/press") is None
    assert read_topic("spBv1.0//NDATA/edge1") is None


def test_an_alias_is_the_name_that_the_birth_gave_it() -> None:
    host = born()
    [news] = host.receive(ddata(2, 6))
    assert news == News(Kind.DDATA, PRESS, SECOND, False, {"State": 6}, 0)
    assert node(host).senders["press"].metrics["State"].value == 6


def test_data_before_any_birth_asks_for_one_and_not_again_at_once() -> None:
    host = Host(rebirth_every=30 * SECOND)
    first = host.receive(ddata(5, 1, at=0))
    assert asked(first) == [NODE]
    assert [type(outcome) for outcome in first] == [Unread, AskRebirth]
    assert asked(host.receive(ddata(6, 1, at=29 * SECOND))) == []
    assert asked(host.receive(ddata(7, 1, at=30 * SECOND))) == [NODE]
    assert not node(host).online


def test_a_lost_device_birth_asks_for_one() -> None:
    host = Host()
    host.receive(nbirth())
    assert asked(host.receive(ddata(1, 4))) == [NODE]


def test_a_death_makes_everything_stale_at_the_time_it_was_heard() -> None:
    host = born()
    deaths = host.receive(ndeath(7, at=90 * SECOND))
    assert deaths == [News(Kind.NDEATH, who, 90 * SECOND, False, {}, 90 * SECOND) for who in (NODE, PRESS)]
    assert not node(host).online
    assert all(known.stale for sender in node(host).senders.values() for known in sender.metrics.values())
    assert host.receive(ndeath(7)) == [], "the will after the death that was announced says nothing new"


def test_a_will_of_an_earlier_session_kills_nobody() -> None:
    host = born()
    host.receive(nbirth(bd_seq=8))
    assert host.receive(ndeath(7)) == []
    assert node(host).online


def test_what_waited_is_read_before_a_death_and_before_the_broker_is_away() -> None:
    host = born()
    host.receive(ddata(3, 3, at=SECOND))
    dead = host.receive(ndeath(7, at=SECOND))
    assert [(o.kind, o.metrics) for o in dead if isinstance(o, News)] == [
        (Kind.DDATA, {"State": 3}), (Kind.NDEATH, {}), (Kind.NDEATH, {}),
    ]  # fmt: skip
    host = born()
    host.receive(ddata(3, 3, at=SECOND))
    host.receive(ddata(2 + FARTHEST + 1, 4, at=SECOND))
    away = host.disconnected()
    assert states(away) == [3]
    assert [type(outcome) for outcome in away] == [News, Unread], "nothing that came goes without a word"
    assert (host.disconnected(), host.tick(9 * SECOND), node(host).gaps) == ([], [], 1)


def test_a_device_dies_at_its_own_time_and_the_node_lives() -> None:
    host = born()
    [death] = host.receive(message(Kind.DDEATH, 2, time=5_000, at=9 * SECOND))
    assert death == News(Kind.DDEATH, PRESS, 5 * SECOND, False, {}, 9 * SECOND)
    assert node(host).online
    assert node(host).senders["press"].metrics["State"].stale
    assert asked(host.receive(ddata(3, 4))) == [NODE]


def test_what_comes_in_another_order_is_read_in_order() -> None:
    host = born()
    assert host.receive(ddata(3, 3, at=SECOND)) == []
    assert host.receive(ddata(4, 4, at=SECOND)) == []
    assert host.due() == 3 * SECOND
    assert states(host.receive(ddata(2, 2, at=2 * SECOND))) == [2, 3, 4]
    assert host.due() is None
    assert host.tick(60 * SECOND) == []


def test_a_second_gap_is_waited_for_as_long_as_the_first() -> None:
    host = born()
    host.receive(ddata(3, 3, at=0))
    host.receive(ddata(5, 5, at=SECOND))
    assert states(host.receive(ddata(2, 2, at=SECOND))) == [2, 3]
    assert host.tick(3 * SECOND - 1) == []
    assert states(host.receive(ddata(4, 4, at=3 * SECOND - 1))) == [4, 5]


def test_a_gap_that_stays_asks_for_a_rebirth_and_loses_nothing_that_came() -> None:
    host = born()
    host.receive(ddata(4, 4, at=SECOND))
    assert host.tick(3 * SECOND - 1) == []
    late = host.tick(3 * SECOND)
    assert (states(late), asked(late), node(host).gaps) == ([4], [NODE], 1)
    assert states(host.receive(ddata(5, 5, at=4 * SECOND))) == [5]


def test_far_out_of_order_is_another_session_and_is_not_believed() -> None:
    host = born()
    host.receive(ddata(2 + FARTHEST + 1, 4))
    late = host.tick(3 * SECOND)
    assert (states(late), asked(late)) == ([], [NODE])


def test_numbers_begin_again_after_255() -> None:
    host = Host()
    host.receive(nbirth(seq=254))
    host.receive(dbirth(seq=255))
    assert states(host.receive(ddata(0, 9))) == [9]


def test_a_restart_whose_death_was_lost_begins_anew() -> None:
    host = born()
    host.receive(ddata(9, 9, at=SECOND))
    again = host.receive(nbirth(bd_seq=8, at=2 * SECOND))
    assert [(o.kind, o.metrics) for o in again if isinstance(o, News)] == [
        (Kind.DDATA, {"State": 9}),
        (Kind.NBIRTH, {"bdSeq": 8, "Temperature": 20}),
    ], "what had come and waited is of the former session"
    assert host.tick(9 * SECOND) == []
    assert set(node(host).senders) == {""}
    assert asked(host.receive(ddata(1, 4, at=9 * SECOND))) == [NODE], "the former session's aliases are not believed"


def test_history_is_news_but_not_the_present() -> None:
    host = born()
    old = metric(None, 1, alias=2, time=500, historical=True)
    now = metric(None, 6, alias=2, time=2_000)
    outcomes = host.receive(message(Kind.DDATA, 2, old, now))
    assert [(o.time, o.historical, o.metrics) for o in outcomes if isinstance(o, News)] == [
        (500_000, True, {"State": 1}),
        (2 * SECOND, False, {"State": 6}),
    ]
    host.receive(message(Kind.DDATA, 3, metric(None, 2, alias=2, time=600, historical=True)))
    assert node(host).senders["press"].metrics["State"].value == 6


def test_one_metric_twice_in_a_message_is_two_readings() -> None:
    outcomes = born().receive(message(Kind.DDATA, 2, metric(None, 1, alias=2), metric(None, 2, alias=2)))
    assert states(outcomes) == [1, 2]


def test_a_metric_that_no_birth_named_asks_for_one() -> None:
    outcomes = born().receive(message(Kind.DDATA, 2, metric(None, 1, alias=99), metric(None, 5, alias=2)))
    assert states(outcomes) == [5]
    assert asked(outcomes) == [NODE]


def test_signs_are_those_of_the_birth() -> None:
    host = born()
    assert states(host.receive(ddata(2, 2**32 - 1))) == [-1]


def test_without_the_broker_nobody_is_alive() -> None:
    host = born()
    host.disconnected()
    assert not node(host).online
    assert asked(host.receive(ddata(2, 4))) == [NODE]


MESSAGES = st.builds(
    message,
    st.sampled_from(Kind),
    st.none() | st.integers(0, 255),
    st.builds(
        metric,
        st.sampled_from([None, "bdSeq", "State"]),
        st.integers(0, 3),
        alias=st.none() | st.integers(0, 3),
        time=st.none() | st.integers(0, 2**64 - 1),
        historical=st.booleans(),
    ),
    at=st.integers(0, 2**50),
)


@settings(suppress_health_check=list(HealthCheck))
@given(st.lists(MESSAGES, max_size=30))
def test_whatever_comes_nothing_is_raised_and_little_is_kept(messages: list[Message]) -> None:
    host = Host()
    for one in messages:
        host.receive(one)
        host.tick(one.arrived)
        for known in host.nodes.values():
            assert bool(known.waiting) == (known.waiting_since is not None)
            assert known.online or not known.waiting


@settings(suppress_health_check=list(HealthCheck))
@given(st.permutations(range(2, 10)), st.integers(0, 255))
def test_any_order_within_the_timeout_is_read_as_it_was_sent(order: list[int], first: int) -> None:
    host = Host()
    host.receive(nbirth(first))
    host.receive(dbirth((first + 1) % 256))
    read = [value for step in order for value in states(host.receive(ddata((first + step) % 256, step)))]
    assert read == list(range(2, 10))
