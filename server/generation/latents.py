"""From seeds to latents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def latents(seeds: Sequence[int], size: int) -> np.ndarray:
    """Standard normal float32 [len(seeds), size]; each row depends on its own seed only.

    Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) is keyed by the
    seed, so a picture is the same whatever else its request or its batch holds.
    """
    rows = [
        np.random.Generator(np.random.Philox(key=seed)).standard_normal(size, dtype=np.float32)
        for seed in seeds
    ]
    return np.stack(rows)
