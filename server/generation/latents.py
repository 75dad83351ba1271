"""Latents: from seeds, from the caller, and between two of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from server.errors import InvalidArgument


def latents(seeds: Sequence[int], size: int, truncation: float | None = None) -> np.ndarray:
    """Standard normal float32 [len(seeds), size]; each row depends on its own seed only.

    Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) is keyed by the
    seed, so a picture is the same whatever else its request or its batch holds.

    Args:
        seeds: one per row.
        size: of a latent.
        truncation: greatest absolute value; what is over it is drawn again (the truncation trick of
            Brock et al., arXiv 1809.11096).
    """
    return np.stack([_row(seed, size, truncation) for seed in seeds])


def _row(seed: int, size: int, truncation: float | None) -> np.ndarray:
    random = np.random.Generator(np.random.Philox(key=seed))
    row = random.standard_normal(size, dtype=np.float32)
    if truncation is not None:
        while (outside := np.abs(row) > truncation).any():
            row[outside] = random.standard_normal(int(outside.sum()), dtype=np.float32)
    return row


def given_latents(rows: Sequence[Sequence[float]], size: int, field: str) -> np.ndarray:
    """The caller's own latents, float32 [len(rows), size].

    Raises:
        InvalidArgument: a row is of another length, 0 or too great for 32 bits; `field` names it.
    """
    for index, row in enumerate(rows):
        name = f"{field}.{index}"
        if len(row) != size:
            raise InvalidArgument(name, f"{size} numbers", len(row))
        # Generators scale a latent to length 1: it needs a direction, and finite squares.
        length = math.hypot(*row)
        if not 1e-6 < length < 1e6:
            raise InvalidArgument(name, "a length from 1e-6 to 1e6", f"{length:g}")
    return np.asarray(rows, np.float32)


def walk(start: np.ndarray, end: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Latents [N, size] at `positions` [N] from 0 to 1 of the way between two latents [size].

    Along the great circle (Shoemake, SIGGRAPH 1985): generators see a latent's direction only, and
    the straight line would hurry through its middle.
    """
    first, last = start / np.linalg.norm(start), end / np.linalg.norm(end)
    angle = np.arccos(np.clip(first @ last, -1.0, 1.0))
    if np.sin(angle) < 1e-4:
        # The same direction, or opposite ones between which no way is the shortest.
        mixed = np.outer(1 - positions, first) + np.outer(positions, last)
        mixed[np.linalg.norm(mixed, axis=1) < 1e-3] = first
    else:
        weights = np.stack([np.sin((1 - positions) * angle), np.sin(positions * angle)])
        mixed = weights.T @ np.stack([first, last]) / np.sin(angle)
    scale = np.sqrt(len(start))
    walked: np.ndarray = (scale * mixed).astype(np.float32)
    return walked
