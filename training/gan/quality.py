"""Measures of a generator: distances to the real pictures, and the diversity of a fixed batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data.sets import TrainingSet
from training.gan.networks.layers import class_weights
from training.metrics.distances import mean_pairwise_distance, named
from training.metrics.features import FeatureExtractor

_BATCH = 64
_DIVERSITY_PICTURES = 64
_LATENT_SEED = 4321
_REAL_SEED = 8765
_COARSE_SIDE = 8


class Quality:
    """Measures generators against one training set.

    The latents, classes and real crops are always the same, so that figures of one run compare.

    Args:
        data: the real pictures.
        latent_size: of the generators.
        conditional: whether the generators take class weights.
        extractor: whose features are compared; None measures no distances, and the diversity of
            coarse pixels.
        samples: pictures per set for the distances.
        device: where the generators live.
    """

    def __init__(
        self,
        data: TrainingSet,
        latent_size: int,
        conditional: bool,
        extractor: FeatureExtractor | None,
        samples: int,
        device: torch.device,
    ) -> None:
        """Measure nothing yet; the real pictures' features are computed at the first question."""
        self._data = data
        self._latent_size = latent_size
        self._classes = len(data.classes) if conditional else 0
        self._extractor = extractor
        self._samples = samples
        self._device = device
        self._real: Tensor | None = None
        self._real_spread: float | None = None

    def distances(self, generator: nn.Module) -> Mapping[str, float]:
        """Frechet and kernel distance under names that say whose features they are."""
        if self._extractor is None:
            return {}
        if self._real is None:
            self._real = self._extractor.of_stream(self.real(self._samples))
        fake = self._extractor.of_stream(self.generated(generator, self._samples))
        return named(self._extractor.compare(self._real, fake), self._extractor.name)

    def diversity(self, generator: nn.Module) -> float:
        """Mean pairwise distance of a fixed generated batch over that of a real one."""
        if self._real_spread is None:
            self._real_spread = self._spread(self.real(_DIVERSITY_PICTURES))
        return self._spread(self.generated(generator, _DIVERSITY_PICTURES)) / self._real_spread

    def _spread(self, batches: Iterator[Tensor]) -> float:
        if self._extractor is not None:
            return mean_pairwise_distance(self._extractor.of_stream(batches))
        coarse = [F.adaptive_avg_pool2d(batch, _COARSE_SIDE).flatten(1) for batch in batches]
        return mean_pairwise_distance(torch.cat(coarse))

    def real(self, count: int) -> Iterator[Tensor]:
        """Real pictures on the CPU, in batches."""
        random = torch.Generator().manual_seed(_REAL_SEED)
        for first in range(0, count, _BATCH):
            yield self._data.crops.draw(min(_BATCH, count - first), random)

    @torch.no_grad()
    def generated(self, generator: nn.Module, count: int) -> Iterator[Tensor]:
        """Generated pictures on the CPU, in batches; the classes take turns."""
        random = torch.Generator().manual_seed(_LATENT_SEED)
        for first in range(0, count, _BATCH):
            size = min(_BATCH, count - first)
            latent = torch.randn(size, self._latent_size, generator=random).to(self._device)
            label = None
            if self._classes:
                classes = torch.arange(first, first + size)
                label = class_weights(classes, self._classes, self._device)
            yield generator(latent, label).float().cpu()
