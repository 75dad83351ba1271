"""Memory regions that this process and a Triton on the same host have both mapped."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import shared_memory

from tritonclient.grpc import service_pb2

from server.engines.base import Deadline
from server.engines.triton.calls import Calls
from server.errors import ImpastoError

_log = logging.getLogger(__name__)
_SMALLEST_REGION = 1 << 20
_ALL_REGIONS = 256 << 20
_CONTROL_SECONDS = 10.0


@dataclass(frozen=True)
class Region:
    """A piece of memory that Triton has mapped, too."""

    memory: shared_memory.SharedMemory
    size: int

    @property
    def name(self) -> str:
        """Its name, here and at Triton."""
        return self.memory.name

    @property
    def view(self) -> memoryview:
        """Its bytes; at least `size`, as the system rounds up."""
        return memoryview(self.memory.buf or b"")


class RegionPool:
    """Regions of powers of two, at most 256 MiB in all.

    Args:
        call: calls Triton, which has to know of every region.
    """

    def __init__(self, call: Calls) -> None:
        self._call = call
        self._free: list[Region] = []
        self._held = 0

    async def take(self, size: int) -> Region | None:
        """A region of at least `size` bytes; None where the memory is used up.

        Raises:
            ImpastoError: Triton refuses the region.
            OSError: the system does.
        """
        fitting = [region for region in self._free if region.size >= size]
        if fitting:
            region = min(fitting, key=lambda item: item.size)
            self._free.remove(region)
            return region
        size = max(_SMALLEST_REGION, 1 << (size - 1).bit_length())
        while self._free and self._held + size > _ALL_REGIONS:
            await self.discard(self._free.pop())
        if self._held + size > _ALL_REGIONS:
            return None
        self._held += size
        try:
            return await self._make(size)
        except BaseException:
            self._held -= size
            raise

    def give_back(self, region: Region) -> None:
        """Hand a region back that nobody writes to any more."""
        self._free.append(region)

    async def discard(self, region: Region) -> None:
        """Forget a region here and at Triton, which may be gone."""
        self._held -= region.size
        message = service_pb2.SystemSharedMemoryUnregisterRequest(name=region.name)
        try:
            method = self._call.stub.SystemSharedMemoryUnregister
            await self._call(method, message, region.name, Deadline.after(_CONTROL_SECONDS))
        except ImpastoError as error:
            _log.info("shared memory: %s", error)
        finally:
            _remove(region.memory)

    async def close(self) -> None:
        """Discard all that nobody uses."""
        while self._free:
            await self.discard(self._free.pop())

    async def _make(self, size: int) -> Region:
        memory = shared_memory.SharedMemory(
            f"impasto-{os.getpid()}-{os.urandom(4).hex()}", create=True, size=size
        )
        message = service_pb2.SystemSharedMemoryRegisterRequest(
            name=memory.name, key=f"/{memory.name}", byte_size=size
        )
        try:
            method = self._call.stub.SystemSharedMemoryRegister
            await self._call(method, message, memory.name, Deadline.after(_CONTROL_SECONDS))
        except BaseException:
            _remove(memory)
            raise
        return Region(memory, size)


def _remove(memory: shared_memory.SharedMemory) -> None:
    memory.close()
    # Triton, or whoever clears /dev/shm, may have been there before.
    with suppress(FileNotFoundError):
        memory.unlink()
