"""Where pictures go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from impasto.pictures import Picture, PictureFormat, grid

SUFFIXES = {
    PictureFormat.PNG: ".png",
    PictureFormat.RAW_RGB8: ".rgb",
    PictureFormat.JPEG: ".jpg",
    PictureFormat.WEBP: ".webp",
}
_FORMATS = {suffix: known for known, suffix in SUFFIXES.items()} | {".jpeg": PictureFormat.JPEG}
FORMAT_NAMES = [known.value for known in PictureFormat]


class Output:
    """A file or a folder, and the format of what goes there.

    Attributes:
        is_folder: whether every picture becomes a file of its own.
        format: of the pictures.

    Args:
        name: a file's name, or a folder's: one that exists, or a name with a slash at the end.
        format_name: what --format says; None: what the file's name says, or PNG.
    """

    def __init__(self, name: str, format_name: str | None) -> None:
        """Check what can be checked before the server works for it.

        Raises:
            click.UsageError: says what would do.
        """
        self._path = Path(name)
        self.is_folder = name.endswith("/") or self._path.is_dir()
        suffix = self._path.suffix.lower()
        if format_name is not None:
            self.format = PictureFormat(format_name)
        elif self.is_folder:
            self.format = PictureFormat.PNG
        elif suffix in _FORMATS:
            self.format = _FORMATS[suffix]
        else:
            raise click.UsageError(
                f"{name}: give a name that ends in {', '.join(sorted(_FORMATS))}, or a folder (a "
                f"name with a slash at the end)"
            )
        if not self.is_folder:
            self._check_file(name, suffix)

    def _check_file(self, name: str, suffix: str) -> None:
        if not self._path.parent.is_dir():
            raise click.UsageError(f"{name}: there is no folder {self._path.parent}")
        raw = self.format is PictureFormat.RAW_RGB8
        if not raw and _FORMATS.get(suffix) is not self.format:
            raise click.UsageError(
                f"{name}: {self.format.value} pictures go to a file that ends in "
                f"{SUFFIXES[self.format]}, or to a folder (a name with a slash at the end)"
            )

    def check_grid(self, count: int, signed: bool) -> None:
        """Check that so many pictures can be written, and keep their signatures.

        Raises:
            click.UsageError: says what would do.
        """
        if count > 1 and not self.is_folder and signed:
            raise click.UsageError(
                "several pictures in one file make a grid, which nobody has signed; give a folder "
                "(a name with a slash at the end)"
            )
        if count > 1 and not self.is_folder and self.format is not PictureFormat.PNG:
            raise click.UsageError(
                f"several pictures in one file make a PNG grid; for {self.format.value} give a "
                f"folder (a name with a slash at the end)"
            )

    def write_one(self, picture: Picture, name: str) -> Path:
        """Write one picture; in a folder, under `name`."""
        if not self.is_folder:
            return picture.save(self._path)
        self._path.mkdir(parents=True, exist_ok=True)
        return picture.save(self._path / f"{name}{SUFFIXES[self.format]}")

    def write_all(self, pictures: Sequence[Picture]) -> list[str]:
        """Write pictures with seeds; return one line per file."""
        if not self.is_folder and len(pictures) > 1:
            grid(pictures).save(self._path)
            return [f"{self._path}: {_seeds(pictures)}"]
        return [
            f"{self.write_one(picture, str(picture.seed))}: {described(picture)}"
            for picture in pictures
        ]


def described(picture: Picture) -> str:
    """What reproduces a picture, and its size."""
    parts = [] if picture.seed is None else [f"seed {picture.seed}"]
    if picture.label:
        parts.append(picture.label)
    parts.append(f"{picture.width}x{picture.height}")
    if picture.score is not None:
        parts.append(f"score {picture.score:.2f}")
    if picture.id:
        parts.append(f"stored as {picture.id}")
    return ", ".join(parts)


def _seeds(pictures: Sequence[Picture]) -> str:
    seeds = [picture.seed or 0 for picture in pictures]
    if seeds == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {', '.join(map(str, seeds))}"
