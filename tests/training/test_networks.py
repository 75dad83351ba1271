"""Shapes and promises of the generators and discriminators."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from synthetic_data import write_random_lite0

from training.data.layout import DataLayout
from training.errors import SettingsError
from training.gan.networks import dcgan
from training.gan.networks.build import build_discriminator, build_generator

LAYOUT = DataLayout()


@pytest.mark.parametrize("classes", [0, 10])
@pytest.mark.parametrize(
    ("name", "side", "channels"),
    [("mlp", 28, 1), ("dcgan", 32, 1), ("dcgan", 128, 3), ("residual", 64, 3), ("residual", 32, 1)],
)
def test_shapes_and_range(name: str, side: int, channels: int, classes: int) -> None:
    label = F.one_hot(torch.arange(3), classes).float() if classes else None
    generator = build_generator(name, side, channels, 16, 8, classes)
    image = generator(torch.randn(3, 16) * 100, label)
    assert image.shape == (3, channels, side, side)
    assert image.abs().max() <= 1
    discriminator = build_discriminator(name, side, channels, 4, classes, LAYOUT)
    assert discriminator(image, label).shape == (3, 1)


@pytest.mark.parametrize("name", ["dcgan", "residual"])
def test_256_pixels(name: str) -> None:
    image = build_generator(name, 256, 3, 8, 4, 0)(torch.randn(1, 8))
    assert image.shape == (1, 3, 256, 256)
    assert build_discriminator(name, 256, 3, 4, 0, LAYOUT)(image).shape == (1, 1)


@pytest.mark.parametrize("name", ["dcgan", "residual"])
def test_scale_of_the_latent_does_not_matter(name: str) -> None:
    generator, latent = build_generator(name, 32, 3, 16, 8, 0), torch.randn(2, 16)
    assert torch.allclose(generator(latent), generator(latent * 7), atol=1e-4)


@pytest.mark.parametrize("name", ["mlp", "dcgan", "residual"])
def test_the_label_changes_picture_and_score(name: str) -> None:
    side = 28 if name == "mlp" else 32
    latent = torch.randn(1, 16).expand(2, -1)
    label = torch.eye(2)
    pictures = build_generator(name, side, 1, 16, 8, 2)(latent, label)
    assert not torch.allclose(pictures[0], pictures[1], atol=1e-4)
    scores = build_discriminator(name, side, 1, 4, 2, LAYOUT)(
        pictures[:1].expand(2, -1, -1, -1), label
    )
    assert not torch.allclose(scores[0], scores[1], atol=1e-5)


def test_spectral_norm_bounds_every_layer() -> None:
    discriminator = build_discriminator("dcgan", 32, 3, 8, 0, LAYOUT, normalise_spectrum=True)
    image = torch.randn(2, 3, 32, 32)
    for _ in range(30):
        discriminator(image)
    assert isinstance(discriminator, dcgan.Discriminator)
    for layer in (*discriminator.levels, discriminator.head):
        greatest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2).item()
        assert greatest == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("channels", [1, 3])
def test_projected_discriminator_trains_its_judges_only(tmp_path: Path, channels: int) -> None:
    layout = DataLayout(tmp_path)
    write_random_lite0(layout.lite0)
    discriminator = build_discriminator("projected", 64, channels, 0, 0, layout)
    image = torch.rand(2, channels, 64, 64, requires_grad=True)
    score = discriminator(image)
    assert score.shape == (2, 1)
    score.sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    trained = {
        name.split(".")[0] for name, p in discriminator.named_parameters() if p.requires_grad
    }
    assert trained == {"judges"}


@pytest.mark.parametrize(
    ("name", "side", "channels", "message"),
    [
        ("dcgan", 48, 3, r"--network dcgan supports 32, 64, 128, 256, got 48"),
        ("mlp", 64, 3, r"--network mlp makes grey pictures of 28 pixels, got 3 channels of 64"),
        ("vit", 64, 3, r"--network: expected one of mlp, dcgan, residual, got 'vit'"),
    ],
)
def test_what_no_network_makes_is_named(name: str, side: int, channels: int, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        build_generator(name, side, channels, 16, 8, 0)
