"""How a setting moves from its start to its end over a run; progress runs from 0 to 1."""

from __future__ import annotations

import math


def cosine(start: float, end: float, progress: float) -> float:
    """Half a cosine from `start` to `end`."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))


def geometric(start: float, end: float, progress: float) -> float:
    """Geometric interpolation from `start` to `end`."""
    return start * (end / start) ** min(progress, 1.0)
