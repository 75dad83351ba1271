"""Request bodies: bounded, decompressed, and cut into a JSON document and what is behind it."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any

from starlette.requests import ClientDisconnect, Request

from server.errors import Cancelled, InvalidArgument, TooLarge
from server.inference.memory import MAX_MESSAGE_BYTES, Share

_HEADER_LENGTH = "inference-header-content-length"
# A caller that is still sending when the connection closes may never see the answer, so an
# oversized body is read and thrown away, but not for ever.
_MAX_DISCARDED = 8 * MAX_MESSAGE_BYTES
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_MAX_DIGITS = 12
_BODY_SECONDS = 60


def announced_size(request: Request) -> int:
    """Bytes that the body will have, as far as the caller says beforehand."""
    text = request.headers.get("content-length", "")
    return int(text) if _is_number(text) else MAX_MESSAGE_BYTES


async def read_body(request: Request, share: Share) -> bytes:
    """The whole body, decompressed; `share` holds its size.

    Raises:
        Cancelled: the caller has gone.
        InvalidArgument: its encoding is unknown or broken.
        Overloaded: there is no memory left.
        TooLarge: it is over the limit, as it came or decompressed.
    """
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            body = await _received(request, share)
    except TimeoutError as error:
        # What has come takes memory from other callers.
        raise Cancelled(f"the body did not come within {_BODY_SECONDS} s") from error
    encoding = request.headers.get("content-encoding", "identity")
    if encoding == "identity":
        return body
    if encoding not in {"gzip", "deflate"}:
        raise InvalidArgument("Content-Encoding", "gzip, deflate or identity", encoding)
    # Off the loop: it takes long, and lets other threads run meanwhile.
    plain = await asyncio.to_thread(_decompressed, body)
    share.take(len(plain))
    return plain


def parse(body: bytes) -> Any:
    """The JSON document that `body` is; an empty one is an empty object.

    Raises:
        InvalidArgument: it is none.
    """
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidArgument("body", "a JSON document", error) from error


def parse_with_binary(request: Request, body: bytes) -> tuple[Any, bytes]:
    """The JSON document of an inference request and the bytes behind it.

    Raises:
        InvalidArgument: the one is no JSON, or its length is none.
    """
    text = request.headers.get(_HEADER_LENGTH)
    if text is None:
        return parse(body), b""
    if not _is_number(text):
        raise InvalidArgument(_HEADER_LENGTH, "a number", text)
    if (length := int(text)) > len(body):
        raise InvalidArgument(_HEADER_LENGTH, f"at most the body's {len(body)} bytes", length)
    return parse(body[:length]), body[length:]


async def _received(request: Request, share: Share) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= MAX_MESSAGE_BYTES:
                share.take(len(chunk))
                chunks.append(chunk)
            elif size > _MAX_DISCARDED:
                break
    except ClientDisconnect as error:
        raise Cancelled("the caller went away while it was sending") from error
    if size > MAX_MESSAGE_BYTES:
        raise _too_large("body", size)
    return b"".join(chunks)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS


def _decompressed(body: bytes) -> bytes:
    stream = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        plain = stream.decompress(body, MAX_MESSAGE_BYTES + 1)
    except zlib.error as error:
        raise InvalidArgument("body", "compressed data as Content-Encoding says", error) from error
    if len(plain) > MAX_MESSAGE_BYTES:
        raise _too_large("decompressed body", len(plain))
    if not stream.eof or stream.unused_data:
        raise InvalidArgument("body", "one complete compressed stream", "another length")
    return plain


def _too_large(what: str, size: int) -> TooLarge:
    return TooLarge(
        f"{what}: expected at most {MAX_MESSAGE_BYTES} bytes, got {size} or more; use shared "
        f"memory or smaller batches"
    )
