"""The classroom baseline: fully connected, 28x28 grey, as in Goodfellow et al., arXiv 1406.2661."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from training.gan.networks.layers import SLOPE, of_label

SIDE = 28


def _perceptron(sizes: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers[:-1])


class Generator(nn.Module):
    """Latent [B, latent_size] to picture [B, 1, 28, 28] in [-1, 1]: 784 outputs."""

    def __init__(self, latent_size: int, classes: int) -> None:
        """Build the layers with PyTorch's default initialisation."""
        super().__init__()
        self.layers = _perceptron([latent_size + classes, 256, 512, 1024, SIDE * SIDE])

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """Generate pictures; `label` [B, classes] weighs the classes."""
        inputs = latent if label is None else torch.cat([latent, label], dim=1)
        return torch.tanh(self.layers(inputs)).view(-1, 1, SIDE, SIDE)


class Discriminator(nn.Module):
    """Picture [B, 1, 28, 28] in [-1, 1] to score [B, 1], a logit."""

    def __init__(self, classes: int) -> None:
        """Build the layers with PyTorch's default initialisation."""
        super().__init__()
        self.layers = _perceptron([SIDE * SIDE, 512, 256, max(classes, 1)])

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Score pictures; `label` [B, classes] weighs the classes."""
        return of_label(self.layers(image.flatten(1)), label)
