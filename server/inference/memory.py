"""How much memory the requests under way may hold, over all transports."""

from __future__ import annotations

from server.errors import InvalidArgument, Overloaded

MEBIBYTE = 1024 * 1024
# Of one message or body; a 1x3x1024x1024 FP32 tensor needs 12 MiB and a few bytes.
MAX_MESSAGE_BYTES = 16 * MEBIBYTE
# Of all requests from their arrival to their answer, with what they read from shared memory.
MAX_BYTES_UNDER_WAY = 512 * MEBIBYTE
_RETRY_AFTER_SECONDS = 0.1


class Memory:
    """Counts on the event loop only, so without locks.

    Args:
        limit: bytes in all.
    """

    def __init__(self, limit: int = MAX_BYTES_UNDER_WAY) -> None:
        """Nothing is taken yet."""
        self._limit = limit
        self._taken = 0

    def take(self, size: int) -> None:
        """Take `size` bytes; the taker gives them back.

        Raises:
            InvalidArgument: it is more than there ever is.
            Overloaded: so much is not left.
        """
        if size > self._limit:
            raise InvalidArgument("request", f"at most {self._limit} bytes", size)
        if self._taken + size > self._limit:
            raise Overloaded(
                f"inference requests of {self._taken} bytes are under way, the limit is "
                f"{self._limit}",
                _RETRY_AFTER_SECONDS,
            )
        self._taken += size

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        self._taken -= size


class Share:
    """What one request holds of the memory."""

    __slots__ = ("_memory", "_size")

    def __init__(self, memory: Memory) -> None:
        """Hold nothing yet."""
        self._memory = memory
        self._size = 0

    def take(self, size: int) -> None:
        """Hold `size` bytes more; see `Memory.take`."""
        self._memory.take(size)
        self._size += size

    def give_back(self) -> None:
        """Hold nothing any more."""
        self._memory.give_back(self._size)
        self._size = 0
