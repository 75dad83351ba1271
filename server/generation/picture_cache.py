"""Finished pictures by the request that determines their bytes.

A request with a seed always makes the same bytes: what was made once is sent again, and what is
being made for one caller is what the next one with the same request waits for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache

from server.engines.base import Deadline
from server.errors import DeadlineExceeded
from server.generation.answers import Answer
from server.generation.requests import GenerationRequest
from server.generation.timings import Timings
from server.telemetry.metrics import Metrics
from server.telemetry.traces import current_trace

# A picture's objects and its place in the cache, beside its bytes.
_OVERHEAD_BYTES = 2048
_BYTES_PER_NUMBER = 32


@dataclass
class _Making:
    """Pictures that are being made, and how many callers wait for them."""

    task: asyncio.Task[Answer]
    waiting: int = 0


class PictureCache:
    """Keeps what was asked for last; lives on the event loop.

    Args:
        byte_size: what all answers together may take; 0 keeps none, and shares none.
        metrics: where lookups are counted.
    """

    def __init__(self, byte_size: int, metrics: Metrics) -> None:
        """Hold nothing yet."""
        self._byte_size = byte_size
        self._entries: LRUCache[GenerationRequest, tuple[Answer, int]] = LRUCache(
            byte_size, getsizeof=lambda entry: entry[1]
        )
        self._making: dict[GenerationRequest, _Making] = {}
        self._metrics = metrics

    async def answer(
        self,
        request: GenerationRequest,
        deadline: Deadline,
        make: Callable[[Deadline], Coroutine[Any, Any, Answer]],
    ) -> Answer:
        """The answer of a request: kept, being made for somebody else, or made now.

        Args:
            request: what determines the bytes, unless its seed is drawn.
            deadline: when the caller stops waiting.
            make: makes them.

        Raises:
            DeadlineExceeded: it passed while somebody's pictures were being made.
            ImpastoError: whatever `make` raises.
        """
        if not self._byte_size or not request.reproducible:
            return await make(deadline)
        request = request.made
        kept = self._entries.get(request)
        if kept is not None:
            self._observe("hit")
            return kept[0]._replace(timings=Timings())
        making = self._making.get(request)
        self._observe("miss" if making is None else "shared")
        if making is None:
            making = self._begin(request, make)
        return await self._wait(request, making, deadline)

    def _observe(self, outcome: str) -> None:
        self._metrics.observe_picture_cache(outcome)
        trace = current_trace()
        if trace is not None:
            trace.describe({"impasto.picture_cache": outcome})

    def _begin(
        self,
        request: GenerationRequest,
        make: Callable[[Deadline], Coroutine[Any, Any, Answer]],
    ) -> _Making:
        # Without the first caller's deadline: others, who have more time, wait for it, too.
        making = _Making(asyncio.create_task(make(Deadline())))
        self._making[request] = making

        def done(task: asyncio.Task[Answer]) -> None:
            if self._making.get(request) is making:
                del self._making[request]
            if not task.cancelled() and task.exception() is None:
                self._keep(request, task.result())

        making.task.add_done_callback(done)
        return making

    async def _wait(
        self, request: GenerationRequest, making: _Making, deadline: Deadline
    ) -> Answer:
        making.waiting += 1
        try:
            return await asyncio.wait_for(asyncio.shield(making.task), deadline.remaining)
        except TimeoutError as error:
            raise DeadlineExceeded("the deadline passed while the pictures were made") from error
        finally:
            making.waiting -= 1
            if not making.waiting and not making.task.done():
                # Nobody wants it any more, and whoever asks from now on begins anew.
                del self._making[request]
                making.task.cancel()

    def _keep(self, request: GenerationRequest, answer: Answer) -> None:
        size = _size(request, answer)
        if size <= self._byte_size:
            self._entries[request] = answer, size


def _size(request: GenerationRequest, answer: Answer) -> int:
    numbers = sum(len(row) for row in request.latents)
    pictures = sum(len(picture.data) + _OVERHEAD_BYTES for picture in answer.pictures)
    return pictures + len(request.style_picture) + _BYTES_PER_NUMBER * numbers
