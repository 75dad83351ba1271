"""The perceptual network: a frozen VGG trunk whose activations measure content and style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import VGG19_Weights, vgg19

from training.data.layout import DataLayout, require
from training.errors import DataError, SettingsError

# Convolutions per block; a 2x2 max pooling stands between blocks.
_BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
# The Caffe weights expect BGR in 0..255 minus these means; torchvision's expect RGB in 0..1
# normalised by mean and standard deviation.
_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
_TORCHVISION_MEAN = (0.485, 0.456, 0.406)
_TORCHVISION_STD = (0.229, 0.224, 0.225)


class PerceptualNetwork(nn.Module):
    """Activations `relu<block>_<index>` of a VGG trunk, computed no deeper than needed.

    Args:
        blocks: convolutions per block.
        weights: `conv<block>_<index>.weight` (OIHW) and `.bias`.
        layers: names of the activations to return, for example `relu3_3`.
        scale: per-channel factor that takes [-1, 1] RGB to the network's range.
        shift: per-channel addend, after the factor.
    """

    def __init__(
        self,
        blocks: Sequence[int],
        weights: Mapping[str, Tensor],
        layers: Sequence[str],
        scale: Tensor,
        shift: Tensor,
    ) -> None:
        """Keep the convolutions up to the deepest of `layers`.

        Raises:
            SettingsError: a layer that the network does not have.
        """
        super().__init__()
        self.scale: Tensor
        self.shift: Tensor
        names = [
            f"{block}_{index}"
            for block, count in enumerate(blocks, start=1)
            for index in range(1, count + 1)
        ]
        wanted = {layer.removeprefix("relu") for layer in layers}
        if unknown := wanted - set(names):
            known = ", ".join(f"relu{name}" for name in names)
            raise SettingsError(
                f"perceptual layers: expected some of {known}, got "
                f"{', '.join(sorted(f'relu{name}' for name in unknown))}"
            )
        self._wanted = wanted
        self._names = names[: max(names.index(name) for name in wanted) + 1]
        for name in self._names:
            self.register_buffer(f"weight{name}", _channels_last(weights[f"conv{name}.weight"]))
            self.register_buffer(f"bias{name}", weights[f"conv{name}.bias"])
        self.register_buffer("scale", scale.view(1, 3, 1, 1))
        self.register_buffer("shift", shift.view(1, 3, 1, 1))

    def forward(self, image: Tensor, only: str | None = None) -> dict[str, Tensor]:
        """Picture [B, 3, H, W] in [-1, 1] to activations by layer name.

        Args:
            image: the pictures.
            only: the one activation that is needed; nothing deeper is computed.
        """
        features = image * self.scale + self.shift
        activations = {}
        for name in self._names:
            if name.endswith("_1") and name != "1_1":
                features = F.max_pool2d(features, 2)
            weight, bias = getattr(self, f"weight{name}"), getattr(self, f"bias{name}")
            features = F.relu(F.conv2d(features, weight, bias, padding=1))
            if name in self._wanted:
                activations[f"relu{name}"] = features
            if f"relu{name}" == only:
                break
        return activations


def _channels_last(weight: Tensor) -> Tensor:
    return weight.contiguous(memory_format=torch.channels_last)


def load_vgg16(layout: DataLayout, layers: Sequence[str]) -> PerceptualNetwork:
    """The VGG16 trunk that `make data` prepared.

    Raises:
        DataError: it is not there.
    """
    path = require(layout.vgg16, "the VGG16 trunk")
    weights = safetensors.torch.load_file(path)
    # The first layer takes BGR; flipping its input channels lets us feed RGB.
    weights["conv1_1.weight"] = weights["conv1_1.weight"].flip(1)
    shift = 127.5 - torch.tensor(_CAFFE_MEAN_BGR).flip(0)
    return PerceptualNetwork(_BLOCKS["vgg16"], weights, layers, torch.full((3,), 127.5), shift)


def load_vgg19(layout: DataLayout, layers: Sequence[str]) -> PerceptualNetwork:
    """Torchvision's ImageNet VGG19, downloaded at the first use.

    Raises:
        DataError: it cannot be downloaded.
    """
    try:
        trunk: Any = vgg19(weights=VGG19_Weights.IMAGENET1K_V1).features
    except OSError as error:
        raise DataError(
            f"torchvision's VGG19 weights cannot be downloaded: {error}. Choose --perceptual "
            f"vgg16, which `make data` prepares, or put the weights into torch's hub cache."
        ) from error
    names = [
        f"conv{block}_{index}"
        for block, count in enumerate(_BLOCKS["vgg19"], start=1)
        for index in range(1, count + 1)
    ]
    convolutions = [module for module in trunk if isinstance(module, nn.Conv2d)]
    weights = {
        f"{name}.{part}": getattr(convolution, part).detach()
        for name, convolution in zip(names, convolutions, strict=True)
        for part in ("weight", "bias")
    }
    mean, std = torch.tensor(_TORCHVISION_MEAN), torch.tensor(_TORCHVISION_STD)
    return PerceptualNetwork(_BLOCKS["vgg19"], weights, layers, 0.5 / std, (0.5 - mean) / std)


_LOADERS = {"vgg16": load_vgg16, "vgg19": load_vgg19}


def load_perceptual(name: str, layout: DataLayout, layers: Sequence[str]) -> PerceptualNetwork:
    """The perceptual network of that name.

    Raises:
        SettingsError: there is no such network, or it has no such layers.
        DataError: its weights cannot be had.
    """
    if name not in _LOADERS:
        raise SettingsError(f"perceptual: expected one of {', '.join(_LOADERS)}, got {name!r}")
    return _LOADERS[name](layout, layers)
