"""Where prepared data lies, and the check that it is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.errors import DataError

DEFAULT_ROOT = Path("data")


@dataclass(frozen=True)
class DataLayout:
    """The prepared data below one root folder."""

    root: Path = DEFAULT_ROOT

    @property
    def landscapes(self) -> Path:
        """Landscape photographs, the GAN's training set."""
        return self.root / "landscapes"

    @property
    def photos(self) -> Path:
        """Further photographs, content for the stylizer."""
        return self.root / "photos"

    @property
    def paintings(self) -> Path:
        """One picture per style."""
        return self.root / "paintings"

    @property
    def vgg16(self) -> Path:
        """The VGG16 trunk's weights."""
        return self.root / "vgg16.safetensors"


def require(path: Path, holds: str) -> Path:
    """Return `path`, or say what is missing and how to get it.

    Raises:
        DataError: nothing is at `path`.
    """
    if not path.exists():
        raise DataError(f"{path}: missing; expected {holds}. Run `make data` first.")
    return path
