"""Adversarial losses, penalties and augmentation do what their papers say."""

import math

import pytest
import torch
from torch import nn

from training.errors import SettingsError
from training.gan.augment import augment, draw_amounts
from training.gan.losses import LOSSES, adversarial_loss
from training.gan.overfitting import AugmentationSchedule, sign_above
from training.gan.penalties import gradient_penalty

REAL, FAKE = torch.tensor([[2.0], [0.0]]), torch.tensor([[-1.0], [0.5]])


# Least squares want scores of 1 and 0, not as great a difference as possible.
@pytest.mark.parametrize("name", sorted(LOSSES.keys() - {"lsgan"}))
def test_each_side_is_rewarded_for_what_it_wants(name: str) -> None:
    loss = adversarial_loss(name)
    fake = FAKE.clone().requires_grad_(True)
    real = REAL.clone().requires_grad_(True)
    loss.discriminator(real, fake).backward()
    assert (real.grad <= 0).all(), "a higher real score never costs the discriminator"
    assert (fake.grad >= 0).all()
    fake.grad = None
    loss.generator(REAL, fake).backward()
    assert (fake.grad < 0).all(), "a higher generated score pays for the generator"


def test_values() -> None:
    zero = torch.zeros(4, 1)
    assert LOSSES["minimax"].discriminator(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert LOSSES["minimax"].generator(zero, zero).item() == pytest.approx(-math.log(2))
    assert LOSSES["non-saturating"].generator(zero, zero).item() == pytest.approx(math.log(2))
    assert LOSSES["lsgan"].discriminator(zero + 1, zero) == 0
    assert LOSSES["lsgan"].generator(zero, zero + 1) == 0
    assert LOSSES["hinge"].discriminator(zero + 1, zero - 1) == 0
    assert LOSSES["wasserstein"].discriminator(REAL, FAKE) == FAKE.mean() - REAL.mean()


def test_relativistic_losses_mirror_each_other() -> None:
    loss = LOSSES["relativistic"]
    assert torch.isclose(loss.discriminator(REAL, FAKE), loss.generator(FAKE, REAL))
    assert loss.discriminator(REAL, FAKE) < loss.generator(REAL, FAKE)


def test_minimax_saturates_and_the_others_do_not() -> None:
    sure = torch.full((1, 1), -20.0, requires_grad=True)
    slopes = {}
    for name in ("minimax", "non-saturating", "relativistic", "hinge"):
        (slope,) = torch.autograd.grad(LOSSES[name].generator(-sure.detach(), sure), sure)
        slopes[name] = slope.abs().item()
    assert slopes["minimax"] < 1e-8
    assert min(slopes[name] for name in slopes if name != "minimax") > 0.99


def test_penalties_of_a_linear_score_follow_its_weight() -> None:
    score = nn.Sequential(nn.Flatten(), nn.Linear(12, 1))
    real, fake, mixture = torch.randn(5, 3, 2, 2), torch.randn(5, 3, 2, 2), torch.rand(5, 1, 1, 1)
    squared = score[1].weight.square().sum()

    def value(name: str) -> torch.Tensor:
        penalty = gradient_penalty(name)
        assert penalty is not None
        return penalty(score, real, fake, mixture)

    assert torch.isclose(value("r1"), squared / 2)
    assert torch.isclose(value("r1r2"), squared)
    assert torch.isclose(value("wgan-gp"), (squared.sqrt() - 1).square())
    assert gradient_penalty("none") is None


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"loss: expected one of minimax, .*got 'wgan'"):
        adversarial_loss("wgan")
    with pytest.raises(SettingsError, match=r"penalty: expected one of none, r1, .*got 'r2'"):
        gradient_penalty("r2")
    with pytest.raises(SettingsError, match=r"augment: expected one of auto, .*got 'ada'"):
        AugmentationSchedule("ada", is_small=True)


@pytest.mark.parametrize("channels", [1, 3])
def test_augmentation_is_differentiable_and_differs_by_picture(channels: int) -> None:
    image = torch.rand(1, channels, 64, 64).expand(8, -1, -1, -1).clone().requires_grad_(True)
    changed = augment(image, draw_amounts(8, 1.0, torch.Generator().manual_seed(0)))
    assert changed.shape == image.shape
    assert len({float(picture.sum()) for picture in changed.detach()}) == 8
    changed.sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


def test_rows_are_augmented_alike_alone_and_in_the_batch() -> None:
    image = torch.rand(6, 3, 32, 32)
    amounts = draw_amounts(6, 0.5, torch.Generator().manual_seed(0))
    whole = augment(image, amounts)
    part = slice(2, 5)
    assert torch.allclose(augment(image[part], amounts.rows(part)), whole[part], atol=1e-6)
    for index, applied in enumerate(amounts.applied):
        assert torch.equal(whole[index], image[index]) != bool(applied)


def test_small_sets_are_augmented_by_default() -> None:
    assert AugmentationSchedule("auto", is_small=True).probability == 1.0
    assert AugmentationSchedule("auto", is_small=False).probability == 0.0


def test_adaptive_augmentation_follows_overfitting() -> None:
    schedule = AugmentationSchedule("adaptive", is_small=True)
    sure = torch.full((1000, 1), 3.0)
    for _ in range(150):
        schedule.observe(sign_above(sure, -sure).item(), 1000)
    assert schedule.probability > 0.9
    for _ in range(150):
        signs = sign_above(torch.randn(1000, 1), torch.randn(1000, 1))
        schedule.observe(signs.item(), 1000)
    assert schedule.probability < 0.1
