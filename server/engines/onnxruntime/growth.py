"""How large the batches of a program should be on a core: as large as still pays.

On a GPU a batch costs little more than one request. On a core it depends: weights that are read
once for many rows make a batch pay, activations that fall out of the cache make it lose, and memory
grows with the largest batch ever run. So batches start at one row and double while that pays.
Large pictures fall out of the cache before small ones do: each shape of inputs learns for itself.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from cachetools import LRUCache

from server.engines.onnxruntime.program import Program
from server.engines.onnxruntime.tensors import Shapes

_SAMPLES = 4
# Each doubling must make a row this much cheaper, or latency and memory are the better bargain.
_PAYS = 0.95
# The load and the machine change; after so many batches the question is open again.
_REVIEW = 512
# Callers choose the shapes; the least recently used learns anew when it comes back.
_SHAPES = 64


class Growth:
    """Learns from the batches of one program and shape.

    Attributes:
        limit: rows that the next batch should have at most.

    Args:
        most: rows that a batch may have.
    """

    def __init__(self, most: int) -> None:
        """Start at one."""
        self._most = most
        self._begin()

    def _begin(self) -> None:
        self.limit = 1
        self._size = 1
        self._best: float | None = None
        self._samples: list[float] = []
        self._batches = 0
        self._larger = 0

    def learn(self, rows: int, seconds: float) -> None:
        """A batch of `rows` took so long."""
        self._batches += 1
        if self._batches > _REVIEW:
            self._begin()
        if self._best is None and rows > self.limit:
            self._begin_at(rows)
        if rows != self.limit or self._settled:
            return
        self._larger = 0
        self._samples.append(seconds / rows)
        if len(self._samples) == _SAMPLES:
            self._decide(min(self._samples))

    def _begin_at(self, rows: int) -> None:
        """Start at the size of the callers' own requests, where all of them are so large."""
        self._larger += 1
        if self._larger > _SAMPLES:
            self.limit, self._larger, self._samples = rows, 0, []

    @property
    def _settled(self) -> bool:
        return self._best is not None and self.limit == self._size

    def _decide(self, cost: float) -> None:
        """Compare the tried size with the best smaller one, by the least disturbed sample."""
        self._samples = []
        if self._best is None or cost < self._best * _PAYS:
            self._best, self._size = cost, self.limit
            self.limit = min(2 * self.limit, self._most)
        else:
            self.limit = self._size


class Growths:
    """One `Growth` for each program and each of the shapes that it ran last."""

    def __init__(self) -> None:
        """Know nothing yet."""
        # Weak: a program holds its models, which a reload should free.
        self._known: WeakKeyDictionary[Program, LRUCache[Shapes, Growth]] = WeakKeyDictionary()

    def of(self, program: Program, shapes: Shapes) -> Growth:
        """What batches of that program and those shapes have taught."""
        by_shapes = self._known.get(program)
        if by_shapes is None:
            by_shapes = self._known[program] = LRUCache(_SHAPES)
        growth = by_shapes.get(shapes)
        if growth is None:
            growth = by_shapes[shapes] = Growth(program.max_batch_size)
        return growth
