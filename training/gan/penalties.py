"""Gradient penalties, which keep a discriminator from growing too steep to learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from training.errors import SettingsError

Score = Callable[[Tensor], Tensor]
# (score, real, fake, mixture [B, 1, 1, 1] in [0, 1]) to the penalty, not weighted.
Penalty = Callable[[Score, Tensor, Tensor, Tensor], Tensor]


def squared_gradient(score: Score, image: Tensor) -> Tensor:
    """Squared gradient norm of the score by each picture, [B] of [B, C, H, W]."""
    image = image.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(score(image).sum(), image, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3))


def r1(score: Score, real: Tensor, fake: Tensor, mixture: Tensor) -> Tensor:
    """Half the mean squared gradient on real pictures: Mescheder et al., arXiv 1801.04406."""
    return 0.5 * squared_gradient(score, real).mean()


def r1r2(score: Score, real: Tensor, fake: Tensor, mixture: Tensor) -> Tensor:
    """R1, and the same on generated pictures: both are needed with the relativistic loss."""
    return r1(score, real, fake, mixture) + 0.5 * squared_gradient(score, fake).mean()


def wgan_gp(score: Score, real: Tensor, fake: Tensor, mixture: Tensor) -> Tensor:
    """Gradient norm 1 between real and generated pictures: Gulrajani et al., arXiv 1704.00028."""
    between = torch.lerp(real, fake, mixture)
    norm = (squared_gradient(score, between) + 1e-12).sqrt()
    return (norm - 1).square().mean()


PENALTIES: Mapping[str, Penalty | None] = {
    "none": None,
    "r1": r1,
    "r1r2": r1r2,
    "wgan-gp": wgan_gp,
}


def gradient_penalty(name: str) -> Penalty | None:
    """The penalty of that name; None for `none`.

    Raises:
        SettingsError: there is none of that name.
    """
    if name not in PENALTIES:
        raise SettingsError(f"penalty: expected one of {', '.join(PENALTIES)}, got {name!r}")
    return PENALTIES[name]
