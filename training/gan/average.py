"""The generator that is served: a running average of the one that is trained."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def update_average(average: nn.Module, current: nn.Module, batch: int, half_life: float) -> None:
    """Move `average` towards `current` by one batch of a half-life in pictures; 0: copy it.

    Half-lives in pictures rather than decays per step, so that the batch size does not matter.
    """
    decay = 0.5 ** (batch / half_life) if half_life > 0 else 0.0
    for mean, value in zip(average.parameters(), current.parameters(), strict=True):
        mean.lerp_(value, 1.0 - decay)
    for kept, newest in zip(average.buffers(), current.buffers(), strict=True):
        kept.copy_(newest)
