"""Pictures in memory, and random crops of them drawn by one seeded generator.

A few hundred small pictures fit in memory as uint8, so a batch is one gather and one resampling
instead of a loader with worker processes; the generator's state goes into the checkpoint, which is
what makes a resumed run see exactly the crops it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from training.errors import DataError

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def find_pictures(folders: Sequence[Path]) -> list[Path]:
    """All picture files directly in `folders`, in a stable order.

    Raises:
        DataError: there are none.
    """
    found = [
        path
        for folder in folders
        for path in sorted(folder.glob("*"))
        if path.suffix.lower() in _SUFFIXES
    ]
    if not found:
        names = ", ".join(str(folder) for folder in folders)
        raise DataError(f"{names}: expected pictures ({', '.join(sorted(_SUFFIXES))}), found none")
    return found


def load_picture(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """Read one picture as uint8 [3, H, W]; `size` is (width, height) to shrink it to.

    Raises:
        DataError: the file is no readable picture.
    """
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except OSError as error:
        raise DataError(f"{path}: not a readable picture: {error}") from error
    if size is not None:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return pixels_of(picture)


def pixels_of(picture: Image.Image) -> Tensor:
    """An RGB picture as uint8 [3, H, W]."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def to_unit_range(pixels: Tensor) -> Tensor:
    """uint8 pixels in 0..255 to float32 in [-1, 1]."""
    return pixels.float().div_(127.5).sub_(1.0)


class CropSampler:
    """Random square crops with horizontal flips from same-sized pictures.

    Args:
        pictures: uint8 [N, 3, H, W].
        output_size: side of the returned crops in pixels.
        crop_sizes: least and greatest side of the square that is cut out, in source pixels.
    """

    def __init__(self, pictures: Tensor, output_size: int, crop_sizes: tuple[int, int]) -> None:
        """Keep the pictures; nothing is copied."""
        self._pictures = pictures
        self._output_size = output_size
        self._crop_sizes = crop_sizes

    def __len__(self) -> int:
        """Number of source pictures."""
        return self._pictures.shape[0]

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Return float32 [count, 3, output_size, output_size] in [-1, 1]."""
        chosen = torch.randint(len(self), (count,), generator=generator)
        least, greatest = self._crop_sizes
        side = least + (greatest - least) * torch.rand(count, generator=generator)
        flip = torch.randint(2, (count,), generator=generator) * 2 - 1
        height, width = self._pictures.shape[-2:]
        # grid_sample's coordinates run over [-1, 1]; a crop is a scale and a shift of that range.
        scale_x, scale_y = side / width, side / height
        shift_x = (torch.rand(count, generator=generator) * 2 - 1) * (1 - scale_x)
        shift_y = (torch.rand(count, generator=generator) * 2 - 1) * (1 - scale_y)
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0] = scale_x * flip
        theta[:, 0, 2] = shift_x
        theta[:, 1, 1] = scale_y
        theta[:, 1, 2] = shift_y
        size = [count, 3, self._output_size, self._output_size]
        grid = F.affine_grid(theta, size, align_corners=False)
        pixels = to_unit_range(self._pictures[chosen])
        return F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
