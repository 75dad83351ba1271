"""Adversarial losses as interchangeable pairs of functions of the scores.

Scores are logits [B, 1], greater is more real, and every loss is minimised. A generator's loss
takes the real scores too, because relativistic losses compare a generated picture with a real one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from training.errors import SettingsError

ScoreLoss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class AdversarialLoss:
    """What the two networks minimise, each a function of (real_score, fake_score).

    Attributes:
        discriminator: the discriminator's loss.
        generator: the generator's loss.
        compares: whether the generator's loss looks at the real scores.
    """

    discriminator: ScoreLoss
    generator: ScoreLoss
    compares: bool = False


def cross_entropy(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """Binary cross-entropy of telling real from generated; on logits, so it never overflows."""
    return F.softplus(-real_score).mean() + F.softplus(fake_score).mean()


def minimax(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """The minus of the discriminator's: log(1 - D(G(z))), flat where the discriminator is sure.

    Goodfellow et al., arXiv 1406.2661, equation 1.
    """
    return -F.softplus(fake_score).mean()


def non_saturating(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """-log D(G(z)): steep where the discriminator is sure (the same paper, section 3)."""
    return F.softplus(-fake_score).mean()


def least_squares_discriminator(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """Real scores towards 1, generated towards 0: Mao et al., arXiv 1611.04076."""
    return (real_score - 1).square().mean() + fake_score.square().mean()


def least_squares_generator(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """Generated scores towards 1."""
    return (fake_score - 1).square().mean()


def hinge_discriminator(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """Real scores over 1, generated under -1: Lim & Ye, arXiv 1705.02894."""
    return F.relu(1 - real_score).mean() + F.relu(1 + fake_score).mean()


def critic(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """The negated Wasserstein estimate: Arjovsky et al., arXiv 1701.07875; needs a penalty."""
    return fake_score.mean() - real_score.mean()


def raise_score(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """The generator's part of hinge and Wasserstein: a greater score."""
    return -fake_score.mean()


def relativistic_discriminator(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """How much more real the generated partner looks: Huang et al., arXiv 2501.05441 (R3GAN)."""
    return F.softplus(fake_score - real_score).mean()


def relativistic_generator(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """The discriminator's loss with the roles exchanged."""
    return F.softplus(real_score - fake_score).mean()


LOSSES: Mapping[str, AdversarialLoss] = {
    "minimax": AdversarialLoss(cross_entropy, minimax),
    "non-saturating": AdversarialLoss(cross_entropy, non_saturating),
    "lsgan": AdversarialLoss(least_squares_discriminator, least_squares_generator),
    "hinge": AdversarialLoss(hinge_discriminator, raise_score),
    "wasserstein": AdversarialLoss(critic, raise_score),
    "relativistic": AdversarialLoss(
        relativistic_discriminator, relativistic_generator, compares=True
    ),
}


def adversarial_loss(name: str) -> AdversarialLoss:
    """The loss of that name.

    Raises:
        SettingsError: there is none.
    """
    if name not in LOSSES:
        raise SettingsError(f"loss: expected one of {', '.join(LOSSES)}, got {name!r}")
    return LOSSES[name]
