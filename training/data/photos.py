"""The photographs (landscapes, nebulae, sights) and textures, picked out of their packages."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from training.data.rcc import ResourceFile
from training.errors import DataError

# Planet-side pictures that show no open landscape; told apart by their file names.
_NOT_LANDSCAPE = ("station", "city", "space", "nasa", "industrial", "loc", "earthrise")
PHOTO_ACTIVITIES = ("erase", "explore_monuments")
UNSEEN_ACTIVITIES = ("explore_world_animals",)
_PHOTO_SUFFIXES = (".webp", ".jpg")


def extract_landscapes(source: Path, target: Path) -> list[Path]:
    """Copy the landscape photographs (720x360 JPEG) of `source` to `target`, sorted by name.

    Raises:
        DataError: `source` holds none.
    """
    chosen = [
        path
        for path in sorted(source.glob("*.jpg"))
        if not any(word in path.name.lower() for word in _NOT_LANDSCAPE)
    ]
    if not chosen:
        raise DataError(f"{source}: expected landscape photographs (*.jpg), found none")
    target.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copy(path, target / path.name)) for path in chosen]


def extract_nebulae(source: Path, target: Path) -> list[Path]:
    """Copy the deep-sky photographs (square PNGs on black) of `source` to `target`.

    Raises:
        DataError: `source` holds none.
    """
    return _copy(source, "*.png", target, "deep-sky photographs")


def extract_textures(source: Path, target: Path) -> list[Path]:
    """Copy the textures (512x512 JPEG) of `source` to `target`.

    Raises:
        DataError: `source` holds none.
    """
    return _copy(source, "*.JPG", target, "textures")


def _copy(source: Path, pattern: str, target: Path, holds: str) -> list[Path]:
    found = sorted(source.glob(pattern))
    if not found:
        raise DataError(f"{source}: expected {holds} ({pattern}), found none")
    target.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copy(path, target / path.name)) for path in found]


def extract_photos(rcc_folder: Path, activities: Sequence[str], target: Path) -> list[Path]:
    """Write the photographs of some resource files to `target`."""
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for activity in activities:
        for member, contents in ResourceFile(rcc_folder / f"{activity}.rcc").files():
            if member.endswith(_PHOTO_SUFFIXES) and "/resource/" in member:
                path = target / f"{activity}-{Path(member).name}"
                path.write_bytes(contents)
                written.append(path)
    return written
