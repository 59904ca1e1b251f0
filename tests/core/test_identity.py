"""Ids that a retry repeats, and partitions that every Kafka client agrees on."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as clients_murmur2
from hypothesis import given
from hypothesis import strategies as st

from services.core.identity import made_event_id, murmur2, partition_of, transform_event_id


@pytest.mark.parametrize(
    ("data", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_gives_what_kafkas_own_tests_expect(data: bytes, signed: int) -> None:
    """The vectors of Apache Kafka's UtilsTest.testMurmur2."""
    assert murmur2(data) == signed % (1 << 32)


@given(st.binary(max_size=300))
def test_murmur2_is_the_clients(data: bytes) -> None:
    assert murmur2(data) == clients_murmur2(data)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(1, 64))
def test_a_unit_goes_where_a_client_would_send_it(unit_id: str, partitions: int) -> None:
    choices = list(range(partitions))
    assert partition_of(unit_id, partitions) == DefaultPartitioner()(unit_id.encode(), choices, choices)


def test_a_retry_gets_the_same_id() -> None:
    first, again = (made_event_id("mes", "R1", "U1", None, 5, None, None) for _ in range(2))
    assert first == again
    assert len(first) == 32


PARTS: list[tuple[str, str | None, str, str | None, int, str | None, str | None]] = [
    ("mes", "R1", "U1", None, 5, None, None),
    ("plc", "R1", "U1", None, 5, None, None),
    ("mes", "R2", "U1", None, 5, None, None),
    ("mes", None, "U1", None, 5, None, None),
    ("mes", "R1", "U2", None, 5, None, None),
    ("mes", "R1", "U1", "start", 5, None, None),
    ("mes", "R1", "U1", None, 6, None, None),
    ("mes", "R1", "U1", None, 5, "e1", None),
    ("mes", "R1", "U1", None, 5, None, "-1"),
    ("mes", "R1", "U1", None, 5, "-1", None),
]


def test_every_part_makes_another_id() -> None:
    assert len({made_event_id(*parts) for parts in PARTS}) == len(PARTS)


def test_parts_of_a_transform_have_ids_of_their_own() -> None:
    ids = {transform_event_id("t1", role, unit) for role in ("parent", "child") for unit in ("U1", "U2")}
    assert len(ids) == 4
