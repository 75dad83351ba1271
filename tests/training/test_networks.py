"""Shapes and promises of the networks and losses."""

import pytest
import torch
from torch import nn

from training.gan.augment import augment
from training.gan.losses import discriminator_loss, generator_loss, gradient_penalty
from training.gan.networks import Discriminator, Generator
from training.style.losses import content_loss, gram, style_loss, total_variation
from training.style.networks import Stylizer


def test_gan_shapes_and_range() -> None:
    image = Generator(16, 10)(torch.randn(3, 16) * 100)
    assert image.shape == (3, 3, 64, 64)
    assert image.abs().max() <= 1
    assert Discriminator(4)(image).shape == (3, 1)


def test_scale_of_the_latent_does_not_matter() -> None:
    generator, latent = Generator(16, 10), torch.randn(2, 16)
    assert torch.allclose(generator(latent), generator(latent * 7), atol=1e-5)


def test_relativistic_losses_mirror_each_other() -> None:
    real, fake = torch.tensor([[2.0], [0.0]]), torch.tensor([[-1.0], [0.5]])
    assert torch.isclose(discriminator_loss(real, fake), generator_loss(fake, real))
    assert discriminator_loss(real, fake) < generator_loss(real, fake)


def test_gradient_penalty_of_a_linear_score_is_its_squared_weight() -> None:
    score = nn.Sequential(nn.Flatten(), nn.Linear(12, 1))
    penalty = gradient_penalty(score, torch.randn(5, 3, 2, 2))
    assert torch.isclose(penalty, score[1].weight.square().sum())


def test_augmentation_is_differentiable_and_differs_by_picture() -> None:
    image = torch.rand(1, 3, 64, 64).expand(8, -1, -1, -1).clone().requires_grad_(True)
    changed = augment(image, torch.Generator().manual_seed(0))
    assert changed.shape == image.shape
    assert len({float(picture.sum()) for picture in changed.detach()}) == 8
    changed.sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


def test_identity_code_returns_the_picture() -> None:
    stylizer = Stylizer()
    codes = stylizer.initial_codes(3) + torch.randn(3, stylizer.code_size)
    image = torch.rand(2, 3, 32, 48) * 2 - 1
    identity = stylizer.identity_code(codes).expand(2, -1)
    assert torch.equal(stylizer(image, identity), image)


def test_each_picture_of_a_batch_follows_its_own_code() -> None:
    stylizer = Stylizer().eval()
    codes = stylizer.initial_codes(2) + 0.3 * torch.randn(2, stylizer.code_size)
    image = torch.rand(1, 3, 32, 32)
    both = stylizer(image.expand(2, -1, -1, -1), codes)
    for index in range(2):
        alone = stylizer(image, codes[index : index + 1])
        assert torch.allclose(both[index : index + 1], alone, atol=1e-5)
    assert not torch.allclose(both[0], both[1], atol=1e-2)


def test_style_losses_are_zero_at_the_target_and_ignore_position() -> None:
    features = torch.rand(2, 8, 6, 6)
    assert content_loss(features, features) == 0
    shuffled = features.flatten(2)[:, :, torch.randperm(36)].view_as(features)
    assert style_loss({"a": shuffled}, {"a": gram(features)}) == pytest.approx(0, abs=1e-6)
    assert content_loss(shuffled, features) > 0
    assert content_loss(2 * features, features) == pytest.approx(1, abs=1e-5)
    assert total_variation(torch.ones(1, 3, 4, 4)) == 0
