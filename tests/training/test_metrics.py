"""Distances between sets of pictures are what their definitions say, under honest names."""

from pathlib import Path

import pytest
import torch
from synthetic_data import write_random_lite0

from training.data.layout import DataLayout
from training.errors import SettingsError
from training.metrics.classifier import FashionClassifier, accuracy, train_classifier
from training.metrics.distances import distances, mean_pairwise_distance, named
from training.metrics.features import choose_features


def gaussian(mean: float, deviation: float, seed: int, count: int = 4000) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return mean + deviation * torch.randn(count, 8, generator=random)


def test_frechet_distance_of_gaussians_is_the_closed_form() -> None:
    # Per dimension: squared difference of means plus that of deviations.
    measured = distances(gaussian(0, 1, seed=1), gaussian(2, 3, seed=2))
    assert measured["frechet"] == pytest.approx(8 * (2**2 + 2**2), rel=0.05)


def test_equal_distributions_are_near_and_order_by_difference() -> None:
    real = gaussian(0, 1, seed=1)
    same, near, far = (distances(real, gaussian(mean, 1, seed=2)) for mean in (0, 0.3, 1))
    assert same["frechet"] < 0.1
    for name in ("frechet", "kernel"):
        assert same[name] < near[name] < far[name]


def test_measuring_leaves_the_global_random_state_alone() -> None:
    state = torch.random.get_rng_state()
    distances(gaussian(0, 1, 1, 200), gaussian(0, 1, 2, 200))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"at least 32 pictures for features of 8 .*got 31"):
        distances(gaussian(0, 1, 1, 31), gaussian(0, 1, 2))


def test_only_inceptions_distances_are_called_fid() -> None:
    values = {"frechet": 1.0, "kernel": 2.0, "kernel_deviation": 0.1}
    assert named(values, "inception") == {"fid": 1.0, "kid": 2.0}
    assert named(values, "lite0") == {"fd_lite0": 1.0, "kd_lite0": 2.0}


def test_pairwise_distance() -> None:
    assert mean_pairwise_distance(torch.zeros(5, 3)) == 0
    assert mean_pairwise_distance(torch.tensor([[0.0, 0], [3, 4]])) == pytest.approx(5)


@pytest.mark.parametrize(("samples", "size"), [(64, 16), (448, 112), (1280, 320)])
def test_few_samples_get_small_features(tmp_path: Path, samples: int, size: int) -> None:
    layout = DataLayout(tmp_path)
    write_random_lite0(layout.lite0)
    extractor = choose_features("auto", "landscapes", samples, layout)
    assert extractor is not None
    assert extractor.name == "lite0"
    assert extractor(torch.rand(3, 1, 32, 32)).shape == (3, size)
    real, fake = gaussian(0, 1, 1, samples), gaussian(1, 1, 2, samples)
    # The unit of the features does not matter.
    compared = extractor.compare(real, fake)
    scaled = extractor.compare(1000 * real, 1000 * fake)
    for name in ("frechet", "kernel"):
        assert scaled[name] == pytest.approx(compared[name], rel=1e-3)


def test_nothing_is_downloaded_unasked(tmp_path: Path) -> None:
    assert choose_features("auto", "landscapes", 64, DataLayout(tmp_path)) is None
    with pytest.raises(SettingsError, match=r"metric_features: expected one of auto, .*'clip'"):
        choose_features("clip", "landscapes", 64, DataLayout(tmp_path))


def test_the_classifier_learns() -> None:
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(640) % 10
    kinds = torch.rand(10, 1, 28, 28, generator=random) * 2 - 1
    pictures = (kinds[labels] + 0.3 * torch.randn(640, 1, 28, 28, generator=random)).clamp(-1, 1)
    classifier = train_classifier(pictures, labels, epochs=3)
    assert accuracy(classifier, pictures, labels) > 0.9
    assert isinstance(classifier, FashionClassifier)
    # Pictures of 32 pixels are those of 28 with a border.
    bordered = torch.nn.functional.pad(pictures[:4], [2] * 4, value=-1.0)
    features = classifier.features(pictures[:4])
    assert torch.allclose(classifier.features(bordered), features, atol=1e-5)
