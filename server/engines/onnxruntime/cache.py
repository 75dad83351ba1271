"""response_cache: answers that were computed before, the least recently used dropped first."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from server.engines.base import InferenceRequest, InferenceResult, Tensors
from server.engines.onnxruntime.servable import Servable

# Name, array header and dictionary entry of one small tensor, so that many of them are bounded too.
_OVERHEAD_BYTES = 512
# Hashing runs at about a gigabyte per second: above this the event loop would feel it.
_HASH_HERE_BYTES = 128 * 1024

_Key = tuple[int, bytes]


class ResponseCache:
    """Answers of all models, up to so many bytes; lives on the event loop.

    Attributes:
        byte_size: what all entries together may take.
        used: bytes that they take now.

    Args:
        byte_size: what all entries together may take.
        observe: is told of each lookup: the model's name, and whether it was a hit.
    """

    def __init__(self, byte_size: int, observe: Callable[[str, bool], None]) -> None:
        """Hold nothing yet."""
        self.byte_size = byte_size
        self.used = 0
        self.observe = observe
        self._entries: OrderedDict[_Key, tuple[Tensors, int]] = OrderedDict()
        self._owners = 0

    def __len__(self) -> int:
        """Number of answers."""
        return len(self._entries)

    def new_owner(self) -> int:
        """A number for one loaded version, so that a reloaded one never gets its answers."""
        self._owners += 1
        return self._owners

    def get(self, owner: int, key: bytes) -> Tensors | None:
        """The answer, read-only; None where there is none."""
        found = self._entries.get((owner, key))
        if found is None:
            return None
        self._entries.move_to_end((owner, key))
        return found[0]

    def put(self, owner: int, key: bytes, outputs: Tensors) -> None:
        """Keep a copy, unless it is larger than the whole cache."""
        size = sum(array.nbytes + _OVERHEAD_BYTES for array in outputs.values())
        if size > self.byte_size:
            return
        self._drop((owner, key))
        while self.used + size > self.byte_size:
            self._drop(next(iter(self._entries)))
        # Copied: an output is often a view that would keep its whole batch alive.
        self._entries[owner, key] = (
            {name: _frozen(array) for name, array in outputs.items()},
            size,
        )
        self.used += size

    def forget(self, owner: int) -> None:
        """Drop all answers of a version that is no longer served."""
        for key in [key for key in self._entries if key[0] == owner]:
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        if entry := self._entries.pop(key, None):
            self.used -= entry[1]


class Cached:
    """A servable whose answers are kept.

    Equal requests that come while none is answered yet are each computed.

    Attributes:
        config: its configuration.
        version: its version folder's name.
        statistics: what it has done so far, hits and misses included.

    Args:
        servable: what computes.
        cache: where the answers are kept.
    """

    def __init__(self, servable: Servable, cache: ResponseCache) -> None:
        """Start without answers."""
        self.config = servable.config
        self.version = servable.version
        self.statistics = servable.statistics
        self._servable = servable
        self._cache = cache
        self._owner = cache.new_owner()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def infer(self, request: InferenceRequest) -> InferenceResult:
        """Answer from the cache, or compute; see `Engine.infer`."""
        self._under_way += 1
        self._idle.clear()
        try:
            return await self._infer(request)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    @property
    def waiting(self) -> int:
        """Requests in the queue of what computes."""
        return self._servable.waiting

    async def close(self) -> None:
        """Forget the answers once nobody can add to them any more."""
        await self._idle.wait()
        await self._servable.close()
        self._cache.forget(self._owner)

    async def _infer(self, request: InferenceRequest) -> InferenceResult:
        request.deadline.check(self.config.name)
        started = time.monotonic()
        key = await _key(request)
        outputs = self._cache.get(self._owner, key)
        looked = time.monotonic() - started
        self._cache.observe(self.config.name, outputs is not None)
        if outputs is not None:
            self.statistics.hit(looked)
            return InferenceResult(outputs, self.version)
        result = await self._servable.infer(request)
        started = time.monotonic()
        self._cache.put(self._owner, key, result.outputs)
        self.statistics.missed(looked + time.monotonic() - started)
        return result

    def _rows(self, inputs: Tensors) -> int:
        """What was answered before had passed the check of its rows."""
        return len(next(iter(inputs.values()))) if self.config.max_batch_size else 1


def _frozen(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


async def _key(request: InferenceRequest) -> bytes:
    """What tells one request to a version from another."""
    if sum(array.nbytes for array in request.inputs.values()) > _HASH_HERE_BYTES:
        return await asyncio.to_thread(_digest, request)
    return _digest(request)


def _digest(request: InferenceRequest) -> bytes:
    """256 bits over wanted outputs and inputs: nobody finds two requests with the same."""
    digest = hashlib.blake2b(digest_size=32)
    _add(digest, repr(sorted(request.outputs)).encode())
    for name, array in sorted(request.inputs.items()):
        _add(digest, repr((name, array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _add(digest: hashlib.blake2b, part: bytes) -> None:
    """A part of any length: its length goes first, so that no two lists of parts look alike."""
    digest.update(len(part).to_bytes(8, "little"))
    digest.update(part)
