"""Record batches as they lie in a log, built as bytes: with holes, control batches and transactions."""

from typing import Any

from aiokafka.record.default_records import DefaultRecordBatchBuilder

CONTROL = 0x20
ABORT, COMMIT = b"\x00\x00\x00\x00", b"\x00\x00\x00\x01"
"""Keys of control records: version, type."""
TIMESTAMP_MS = 1_000


def batch(base: int, offsets: list[int], last: int | None = None, *, writer: int | None = None) -> bytes:
    """The batch base..last of which only these offsets are left; `writer`: id of a producer with a transaction."""
    return _built(base, [(offset, b"k", b"%d" % offset) for offset in offsets], last, writer, 0)


def control(offset: int, writer: int, kind: bytes) -> bytes:
    """The marker that ends a transaction."""
    return _built(offset, [(offset, kind, b"")], None, writer, CONTROL)


def _built(base: int, records: list[Any], last: int | None, writer: int | None, attributes: int) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=int(writer is not None),
        producer_id=-1 if writer is None else writer,
        producer_epoch=0, base_sequence=0, batch_size=1 << 20,
    )  # fmt: skip
    for offset, key, value in records:
        builder.append(offset - base, timestamp=TIMESTAMP_MS, key=key, value=value, headers=[])
    data = bytearray(builder.build())
    data[0:8] = base.to_bytes(8, "big")
    if attributes:
        data[21:23] = (int.from_bytes(data[21:23], "big") | attributes).to_bytes(2, "big")
    if last is not None:
        data[23:27] = (last - base).to_bytes(4, "big")
    return bytes(data)
