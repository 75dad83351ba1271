"""The photographs: landscapes for the GAN, landscapes and sights as content for the stylizer."""

from __future__ import annotations

import shutil
from pathlib import Path

from training.data.rcc import ResourceFile
from training.errors import DataError

# Planet-side pictures that show no open landscape; told apart by their file names.
_NOT_LANDSCAPE = ("station", "city", "space", "nasa", "industrial", "loc", "earthrise")
_PHOTO_ACTIVITIES = ("erase", "explore_monuments")
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


def extract_photos(rcc_folder: Path, target: Path) -> list[Path]:
    """Write the animal and monument photographs of the resource files to `target`."""
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for activity in _PHOTO_ACTIVITIES:
        for member, contents in ResourceFile(rcc_folder / f"{activity}.rcc").files():
            if member.endswith(_PHOTO_SUFFIXES) and "/resource/" in member:
                path = target / f"{activity}-{Path(member).name}"
                path.write_bytes(contents)
                written.append(path)
    return written
