"""The body of a request, read within its limits: size before and after decompression, time."""

import asyncio
import zlib

from fastapi import Request

from services.adapters.problems import BAD_REQUEST, ENCODING, SLOW, TOO_LARGE, Problem

MOST_BYTES = 256 * 1024
READ_SECONDS = 10.0

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_ENCODINGS = {"gzip", "x-gzip", "deflate"}


async def read_body(request: Request, most: int = MOST_BYTES) -> bytes:
    """The body, decompressed. Raises Problem; nothing beyond `most` bytes is kept in memory at any time."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity" and encoding not in _ENCODINGS:
        raise Problem(
            ENCODING, f"Content-Encoding {encoding!r}: send gzip, deflate or none", "请使用 gzip、deflate 或不压缩"
        )
    try:
        async with asyncio.timeout(READ_SECONDS):
            body = await _raw_body(request, most)
    except TimeoutError:
        raise Problem(
            SLOW, f"the body was not here within {READ_SECONDS:.0f} s", f"请求体未在 {READ_SECONDS:.0f} 秒内到达"
        ) from None
    return body if encoding == "identity" else _inflated(body, most)


async def _raw_body(request: Request, most: int) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:19]) > most:
        raise _too_large(most)  # said before anything is read; what is read is counted all the same
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


def _inflated(body: bytes, most: int) -> bytes:
    stream = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        inflated = stream.decompress(body, most + 1)
    except zlib.error:
        raise Problem(BAD_REQUEST, "the compressed body is damaged", "压缩的请求体已损坏") from None
    if len(inflated) > most or stream.unconsumed_tail:
        raise _too_large(most)
    if not stream.eof or stream.unused_data:
        raise Problem(BAD_REQUEST, "the compressed body is cut off or damaged", "压缩的请求体不完整或已损坏")
    return inflated


def _too_large(most: int) -> Problem:
    return Problem(
        TOO_LARGE,
        f"the body may have {most} bytes ({most // 1024} KiB), also after decompression: send it in parts",
        f"请求体（解压后）不得超过 {most} 字节（{most // 1024} KiB）：请分批发送",
        limit_bytes=most,
    )
