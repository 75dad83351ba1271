"""Answers that come line by line, and what they hold until the last one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from server.errors import Cancelled, DeadlineExceeded, ImpastoError
from server.http.documents import ErrorDocument
from server.http.operations import LINES
from server.inference.memory import Share


class LineResponse(StreamingResponse):
    """Lines of JSON, as they are made; an error that ends them is the last one.

    Attributes:
        began: whether its status has been sent.
        ended: is told once nothing more is sent: what ended it too early, or None.

    Args:
        lines: the lines.
        finish: is awaited after the last one, or when the caller has gone.
    """

    def __init__(self, lines: AsyncIterator[bytes], finish: Callable[[], Awaitable[None]]) -> None:
        """Keep the parts."""
        super().__init__(self._until_failure(lines), media_type=LINES)
        self.ended: Callable[[BaseException | None], None] = lambda _: None
        self.began = False
        self._finish = finish
        self._ending: BaseException | None = Cancelled("the caller went away")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send everything."""

        async def beginning(message: Message) -> None:
            self.began = True
            await send(message)

        try:
            await super().__call__(scope, receive, beginning)
        except TimeoutError:
            self._ending = DeadlineExceeded("the caller took nothing for too long")
            raise
        finally:
            self.ended(self._ending)
            await self._finish()

    async def _until_failure(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for line in lines:
                yield line
            self._ending = None
        except ImpastoError as error:
            self._ending = error
            yield ErrorDocument(error=str(error)).model_dump_json().encode() + b"\n"
        except Exception as error:
            self._ending = error
            raise


@contextmanager
def releasing(share: Share) -> Iterator[None]:
    """Give a share back where the block fails; otherwise whoever answers does."""
    try:
        yield
    except BaseException:
        share.give_back()
        raise
