"""Style pictures on their way into tensors."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from training.data.images import open_rgb, pixels_of, to_unit_range
from training.errors import DataError


def load_style(path: Path, side: int, least: int) -> Tensor:
    """A style picture [1, 3, H, W] in [-1, 1], its shorter side scaled to `side` pixels.

    Raises:
        DataError: it is no readable picture, or its shorter side is below `least` pixels, so that
            enlarging it would teach blur.
    """
    picture = open_rgb(path)
    if min(picture.size) < least:
        raise DataError(
            f"{path}: expected a style picture of at least {least} pixels on its shorter side (the "
            f"training crop), got {picture.width}x{picture.height}; take a larger picture or a "
            f"smaller --crop"
        )
    factor = side / min(picture.size)
    scaled = picture.resize((round(picture.width * factor), round(picture.height * factor)))
    return to_unit_range(pixels_of(scaled))[None].contiguous(memory_format=torch.channels_last)
