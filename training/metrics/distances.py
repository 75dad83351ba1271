"""Frechet and kernel distance between two sets of feature vectors, computed by torchmetrics.

Heusel et al., arXiv 1706.08500, and Binkowski et al., arXiv 1801.01401. What the distances are
worth depends on the features, so a figure's name says whose they are: `fid` and `kid` are
Inception's alone, `fd_lite0` and `kd_lite0` those of EfficientNet-Lite0.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from training.errors import SettingsError

# A covariance of D dimensions from fewer pictures than this times D says little.
SAMPLES_PER_DIMENSION = 4
_SUBSETS = 50
_SUBSET_SIZE = 500


class _Given(nn.Module):
    """Stands where torchmetrics expects a feature extractor: the features are there already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def distances(real: Tensor, fake: Tensor) -> dict[str, float]:
    """`frechet`, `kernel` (times 1000) and its deviation over subsets, of [N, D] and [M, D].

    Raises:
        SettingsError: too few pictures for that many dimensions.
    """
    dimensions = real.shape[1]
    least = min(len(real), len(fake))
    if least < SAMPLES_PER_DIMENSION * dimensions:
        raise SettingsError(
            f"metric samples: expected at least {SAMPLES_PER_DIMENSION * dimensions} pictures for "
            f"features of {dimensions} numbers, got {least}"
        )
    frechet = FrechetInceptionDistance(_Given(dimensions))
    with warnings.catch_warnings():
        # It keeps all features; ours are small and in memory anyway.
        warnings.filterwarnings("ignore", message="Metric `Kernel Inception Distance` will save")
        subset = min(_SUBSET_SIZE, least)
        kernel = KernelInceptionDistance(_Given(dimensions), subsets=_SUBSETS, subset_size=subset)
    for metric in (frechet, kernel):
        metric.update(real, real=True)
        metric.update(fake, real=False)
    # The subsets are drawn from the global generator, which training must not notice.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        mean, deviation = kernel.compute()
    return {
        "frechet": float(frechet.compute()),
        "kernel": 1000 * float(mean),
        "kernel_deviation": 1000 * float(deviation),
    }


def named(values: Mapping[str, float], suffix: str) -> dict[str, float]:
    """The distances under the names that say whose features they are."""
    if suffix == "inception":
        return {"fid": values["frechet"], "kid": values["kernel"]}
    return {f"fd_{suffix}": values["frechet"], f"kd_{suffix}": values["kernel"]}


def mean_pairwise_distance(features: Tensor) -> float:
    """Mean Euclidean distance between the rows of [N, D]: how different pictures are."""
    return float(torch.pdist(features.float()).mean())
