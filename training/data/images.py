"""Pictures on disk: finding them, reading them, and saying which could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from training.errors import DataError

_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
# Of how many unreadable files the names are printed.
_NAMED_FAULTS = 5


def find_pictures(folders: Sequence[Path]) -> list[Path]:
    """All picture files in `folders` and below, in a stable order.

    Raises:
        DataError: there are none.
    """
    found = [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _SUFFIXES and path.is_file()
    ]
    if not found:
        names = ", ".join(str(folder) for folder in folders)
        raise DataError(f"{names}: expected pictures ({', '.join(sorted(_SUFFIXES))}), found none")
    return found


def open_rgb(path: Path) -> Image.Image:
    """Read one picture as RGB, transparency on black.

    Raises:
        DataError: the file is no readable picture.
    """
    try:
        with Image.open(path) as opened:
            if not opened.has_transparency_data:
                return opened.convert("RGB")
            seen = opened.convert("RGBA")
            black = Image.new("RGBA", seen.size, "black")
            return Image.alpha_composite(black, seen).convert("RGB")
    # Pillow raises these and more for damaged files, depending on the format and the damage.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: not a readable picture: {error}") from error


def read_all(paths: Sequence[Path]) -> list[tuple[Path, Image.Image]]:
    """Read every picture that can be read; name the others on the terminal and skip them.

    Raises:
        DataError: none can be read.
    """
    read, faults = [], []
    for path in paths:
        try:
            read.append((path, open_rgb(path)))
        except DataError as error:
            faults.append(str(error))
    for fault in faults[:_NAMED_FAULTS]:
        tqdm.write(f"skipped {fault}")
    if len(faults) > _NAMED_FAULTS:
        tqdm.write(f"skipped {len(faults) - _NAMED_FAULTS} more unreadable pictures")
    if not read:
        raise DataError(f"none of {len(paths)} pictures can be read, the first because {faults[0]}")
    return read


def pixels_of(picture: Image.Image) -> Tensor:
    """An RGB picture as uint8 [3, H, W]."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def to_unit_range(pixels: Tensor) -> Tensor:
    """uint8 pixels in 0..255 to float32 in [-1, 1]."""
    return pixels.float().div_(127.5).sub_(1.0)
