"""The adversarial loss: relativistic pairing with zero-centred gradient penalties.

Huang et al., "The GAN is dead; long live the GAN!" (R3GAN), arXiv 2501.05441: each generated
picture is compared with a real one, and the discriminator's gradient is penalised on both (R1 on
real, R2 on generated pictures; Mescheder et al., arXiv 1801.04406).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def discriminator_loss(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """Mean softplus of how much more real the generated partner looks; scores [B, 1]."""
    return F.softplus(fake_score - real_score).mean()


def generator_loss(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """The discriminator's loss with the roles exchanged; scores [B, 1]."""
    return F.softplus(real_score - fake_score).mean()


def gradient_penalty(discriminator: nn.Module, image: Tensor) -> Tensor:
    """Mean squared gradient norm of the score by the picture [B, 3, H, W]: R1 or R2."""
    image = image.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(image).sum(), image, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()
