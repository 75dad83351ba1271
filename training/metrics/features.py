"""Feature extractors for metrics, and the choice among those that can be had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.checkpoint import load_newest, restore_module
from training.data.layout import DataLayout
from training.errors import DataError, SettingsError
from training.metrics.classifier import DEFAULT_RUN, FashionClassifier
from training.metrics.distances import SAMPLES_PER_DIMENSION, distances
from training.pretrained.lite0 import TAPS, load_lite0

KINDS = ("auto", "inception", "lite0", "fashion", "none")
_INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
_LITE0_SIDE = 128
_BATCH = 64


@dataclass(frozen=True)
class FeatureExtractor:
    """Pictures [B, 1 or 3, H, W] in [-1, 1] to features [B, D].

    Attributes:
        name: whose features they are; part of every figure's name.
        network: computes them.
    """

    name: str
    network: nn.Module

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Features of pictures, batch by batch."""
        parts = [self.network(batch) for batch in pictures.split(_BATCH)]
        return torch.cat(parts)

    def compare(self, real: Tensor, fake: Tensor) -> dict[str, float]:
        """The distances between two sets of features [N, D] and [M, D].

        Features other than Inception's are scaled to unit mean square of the real ones: a kernel
        takes them to be of order 1, and figures of several networks become comparable.
        """
        if self.name != "inception":
            scale = real.square().mean().rsqrt()
            real, fake = real * scale, fake * scale
        return distances(real, fake)

    def of_stream(self, batches: Iterator[Tensor]) -> Tensor:
        """Features of batches that need not be in memory together."""
        return torch.cat([self(batch) for batch in batches])


class _Lite0Pooled(nn.Module):
    """Mean over positions of one block's output."""

    def __init__(self, layout: DataLayout, tap: int) -> None:
        super().__init__()
        self.trunk = load_lite0(layout, (tap,))
        self._tap = tap

    def forward(self, image: Tensor) -> Tensor:
        image = image.expand(-1, 3, -1, -1)
        size = [_LITE0_SIDE, _LITE0_SIDE]
        image = F.interpolate(image, size=size, mode="bilinear", antialias=True)
        return self.trunk(image)[self._tap].mean(dim=(2, 3))


class _Inception(nn.Module):
    """torch-fidelity's Inception, which every published FID uses."""

    def __init__(self) -> None:
        super().__init__()
        from torchmetrics.image.fid import NoTrainInceptionV3  # noqa: PLC0415, heavy and optional

        try:
            self.network = NoTrainInceptionV3("inception-v3-compat", ["2048"])
        except OSError as error:
            raise DataError(
                f"Inception's weights cannot be downloaded: {error}. Put {_INCEPTION_FILE} into "
                f"{_hub_folder()}, or choose --metric-features lite0"
            ) from error

    def forward(self, image: Tensor) -> Tensor:
        pixels = ((image + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return self.network(pixels.expand(-1, 3, -1, -1))


def _hub_folder() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _lite0_tap(samples: int) -> int:
    """The deepest block whose features so many pictures can carry.

    Raises:
        SettingsError: there are too few for any.
    """
    carried = [tap for tap, size in TAPS.items() if samples >= SAMPLES_PER_DIMENSION * size]
    if not carried:
        least = SAMPLES_PER_DIMENSION * min(TAPS.values())
        raise SettingsError(f"metric_samples: expected at least {least}, got {samples}")
    return max(carried)


def choose_features(
    kind: str, data_set: str, samples: int, layout: DataLayout
) -> FeatureExtractor | None:
    """The extractor `kind`; `auto` takes the best that is there and downloads nothing.

    Args:
        kind: one of `KINDS`.
        data_set: its own classifier comes first, where it has one.
        samples: pictures per set that will be compared.
        layout: where pretrained networks lie.

    Raises:
        SettingsError: there is no such kind.
        DataError: its weights cannot be had.
    """
    if kind not in KINDS:
        raise SettingsError(f"metric_features: expected one of {', '.join(KINDS)}, got {kind!r}")
    if kind == "auto":
        kind = _best_kind(data_set, layout)
    if kind == "none":
        return None
    if kind == "inception":
        return FeatureExtractor("inception", _Inception())
    if kind == "fashion":
        classifier = FashionClassifier()
        restore_module("classifier", classifier, load_newest(DEFAULT_RUN).tensors)
        return FeatureExtractor("fashion", classifier.features.eval())
    return FeatureExtractor("lite0", _Lite0Pooled(layout, _lite0_tap(samples)))


def _best_kind(data_set: str, layout: DataLayout) -> str:
    if data_set == "fashion" and DEFAULT_RUN.exists():
        return "fashion"
    if (_hub_folder() / _INCEPTION_FILE).exists():
        return "inception"
    return "lite0" if layout.lite0.exists() else "none"
