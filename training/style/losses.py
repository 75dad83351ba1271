"""Content, style and smoothness losses on a perceptual network's activations.

Gatys et al., arXiv 1508.06576: content is the activations themselves, style their channel
correlations (Gram matrices). Every term is relative to the size of its target, so that layers and
paintings with large activations do not drown the others and one set of weights fits all styles.
Where Gatys divides a layer's loss by 4 N^2 M^2, we divide it by the target's energy; his weights
w_l, alpha and beta are here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from training.errors import SettingsError
from training.pretrained.vgg import PerceptualNetwork


def gram(features: Tensor) -> Tensor:
    """Channel correlations [B, C, C] of [B, C, H, W], averaged over positions."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


@torch.no_grad()
def measure_style(
    perceptual: PerceptualNetwork, picture: Tensor, layers: Iterable[str]
) -> dict[str, Tensor]:
    """Gram matrices [1, C, C] by layer of a style picture [1, 3, H, W]."""
    features = perceptual(picture)
    return {name: gram(features[name]) for name in layers}


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Squared distance relative to the target's energy, [B, C, H, W] each; mean over the batch."""
    return _relative(features, target).mean()


def style_loss(
    features: Mapping[str, Tensor], targets: Mapping[str, Tensor], weights: Mapping[str, float]
) -> Tensor:
    """Relative Gram distance, weighted mean over layers, mean over the batch; targets [B, C, C]."""
    terms = [
        weight * _relative(gram(features[name]), targets[name]).mean()
        for name, weight in weights.items()
    ]
    return torch.stack(terms).sum() / sum(weights.values())


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels of [B, 3, H, W]."""
    down = (image[:, :, 1:] - image[:, :, :-1]).square().mean()
    right = (image[:, :, :, 1:] - image[:, :, :, :-1]).square().mean()
    return down + right


def _relative(value: Tensor, target: Tensor) -> Tensor:
    axes = tuple(range(1, value.dim()))
    return (value - target).square().sum(axes) / target.square().sum(axes).clamp_min(1e-8)


def parse_layer_weights(text: str) -> dict[str, float]:
    """The weights w_l of `relu1_2=1,relu2_2=0.5`; a layer without a number weighs 1.

    Raises:
        SettingsError: a weight is no positive number, or no layer is named.
    """
    weights = {}
    for item in text.split(","):
        name, _, number = item.strip().partition("=")
        try:
            weights[name] = float(number or 1.0)
        except ValueError:
            weights[name] = 0.0
        if not name or not weights[name] > 0:
            raise SettingsError(
                f"style_layers: expected LAYER or LAYER=WEIGHT with a weight over 0, separated by "
                f"commas, got {item!r}"
            )
    return weights


@dataclass(frozen=True)
class Objective:
    """What a painted picture is judged by, in training, by the optimiser and in the report.

    Attributes:
        content_layer: the activation that keeps the content.
        layer_weights: w_l of the style layers.
        content_weight: alpha.
        style_weight: beta.
        smoothness_weight: of the total variation.
    """

    content_layer: str
    layer_weights: Mapping[str, float]
    content_weight: float
    style_weight: float
    smoothness_weight: float

    @property
    def layers(self) -> list[str]:
        """Every activation that the perceptual network must return."""
        return [self.content_layer, *self.layer_weights]

    def judge(
        self,
        perceptual: PerceptualNetwork,
        painted: Tensor,
        content: Tensor,
        grams: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """The three losses, not weighted.

        Args:
            perceptual: has at least `layers`.
            painted: pictures [B, 3, H, W] in [-1, 1].
            content: what `content_features` says of the unpainted pictures.
            grams: the styles' Gram matrices [B, C, C] by layer.
        """
        features = perceptual(painted)
        return {
            "content": content_loss(features[self.content_layer], content),
            "style": style_loss(features, grams, self.layer_weights),
            "smoothness": total_variation(painted),
        }

    @torch.no_grad()
    def content_features(self, perceptual: PerceptualNetwork, image: Tensor) -> Tensor:
        """The activation that a painting of `image` [B, 3, H, W] should keep."""
        return perceptual(image, only=self.content_layer)[self.content_layer]

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of `terms`."""
        return (
            self.content_weight * terms["content"]
            + self.style_weight * terms["style"]
            + self.smoothness_weight * terms["smoothness"]
        )
