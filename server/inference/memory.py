"""How much memory the requests under way may hold, over all transports."""

from __future__ import annotations

from server.errors import InvalidArgument, Overloaded, Reason

MEBIBYTE = 1024 * 1024
# Of one message or body; a 1x3x1024x1024 FP32 tensor needs 12 MiB and a few bytes.
MAX_MESSAGE_BYTES = 16 * MEBIBYTE
# Of all requests from their arrival to their answer, with what they read from shared memory. Beside
# it gRPC holds what has not arrived in full: up to one message for each call that is being sent.
MAX_BYTES_UNDER_WAY = 512 * MEBIBYTE
# What a request takes beside its tensors: its task, its messages, its place in a queue.
REQUEST_BYTES = 16 * 1024
_RETRY_AFTER_SECONDS = 0.1


class Memory:
    """Counts on the event loop only, so without locks.

    Attributes:
        limit: bytes in all.
        taken: bytes that requests hold.

    Args:
        limit: bytes in all.
    """

    def __init__(self, limit: int = MAX_BYTES_UNDER_WAY) -> None:
        """Nothing is taken yet."""
        self.limit = limit
        self.taken = 0


class Share:
    """What one request holds of the memory."""

    __slots__ = ("_memory", "_size")

    def __init__(self, memory: Memory) -> None:
        """Hold nothing yet."""
        self._memory = memory
        self._size = 0

    def take(self, size: int) -> None:
        """Hold `size` bytes more.

        Raises:
            InvalidArgument: it is more than there ever is.
            Overloaded: so much is not left.
        """
        memory = self._memory
        if memory.taken + size > memory.limit:
            if size > memory.limit:
                raise InvalidArgument("request", f"at most {memory.limit} bytes", size)
            raise Overloaded(
                f"inference requests of {memory.taken} bytes are under way, the limit is "
                f"{memory.limit}",
                _RETRY_AFTER_SECONDS,
                Reason.MEMORY,
            )
        memory.taken += size
        self._size += size

    def give_back(self) -> None:
        """Hold nothing any more."""
        self._memory.taken -= self._size
        self._size = 0
