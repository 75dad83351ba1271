"""Answers that come line by line, and what they hold until the last one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from server.http.operations import LINES
from server.inference.memory import Share


class LineResponse(StreamingResponse):
    """Lines of JSON, as they are made.

    Args:
        lines: the lines.
        finish: is awaited after the last one, or when the caller has gone.
    """

    def __init__(self, lines: AsyncIterator[bytes], finish: Callable[[], Awaitable[None]]) -> None:
        """Keep the parts."""
        super().__init__(lines, media_type=LINES)
        self._finish = finish

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send everything."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._finish()


@contextmanager
def releasing(share: Share) -> Iterator[None]:
    """Give a share back where the block fails; otherwise whoever answers does."""
    try:
        yield
    except BaseException:
        share.give_back()
        raise
