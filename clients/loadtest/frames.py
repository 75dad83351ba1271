"""What the parent and its workers tell each other through pipes: kind, length, bytes."""

from __future__ import annotations

import asyncio
import enum
import struct
from array import array
from typing import NamedTuple

import numpy as np

_HEAD = struct.Struct("<cQ")
_PROGRESS = struct.Struct("<ddq")
_MOST_BYTES = 1 << 30


class Kind(enum.Enum):
    """What a frame holds."""

    PLAN = b"P"  # to a worker: JSON of its plan
    DUE = b"D"  # to a worker: float64, when its calls are due
    ENTRIES = b"E"  # to a worker: int32, of what kind they are
    SEEDS = b"S"  # to a worker: uint64, of their pictures
    START = b"G"  # to a worker: text of the moment that is 0, on the monotonic clock
    STOP = b"X"  # to a worker: begin no more calls
    READY = b"R"  # from a worker: it is connected
    CALLS = b"C"  # from a worker: progress, then rows of calls
    FAILED = b"F"  # from a worker: text, why it cannot go on
    DONE = b"Z"  # from a worker: that was all


class Progress(NamedTuple):
    """Of a worker, when it wrote.

    Attributes:
        now: seconds since the measurement's beginning; all calls that ended before were told.
        cpu: processor seconds that it used since its start.
        outstanding: calls that wait for their answers.
    """

    now: float
    cpu: float
    outstanding: int


class Row(enum.IntEnum):
    """Columns of a call's row, all float64; times since the measurement's beginning."""

    DUE = 0
    SENT = 1
    ENDED = 2
    CODE = 3
    ENTRY = 4
    PICTURES = 5


def frame(kind: Kind, content: bytes = b"") -> bytes:
    """The bytes to send."""
    return _HEAD.pack(kind.value, len(content)) + content


async def read_frame(reader: asyncio.StreamReader) -> tuple[Kind, bytes]:
    """The next frame.

    Raises:
        asyncio.IncompleteReadError: the other side is gone.
        ValueError: these are no frames; something else writes into the pipe.
    """
    kind, length = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    if length > _MOST_BYTES:
        raise ValueError(f"expected a frame, got {kind!r} of {length} bytes")
    return Kind(kind), await reader.readexactly(length)


def calls(progress: Progress, rows: array[float]) -> bytes:
    """A frame of calls that ended."""
    return frame(Kind.CALLS, _PROGRESS.pack(*progress) + rows.tobytes())


def calls_of(content: bytes) -> tuple[Progress, np.ndarray]:
    """What is in it: progress, and the rows, float64 [n, len(Row)]."""
    progress = Progress(*_PROGRESS.unpack_from(content))
    return progress, np.frombuffer(content, offset=_PROGRESS.size).reshape(-1, len(Row))
