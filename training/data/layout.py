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
    def unseen_photos(self) -> Path:
        """Photographs that nothing is trained on: content for measuring stylizers."""
        return self.root / "unseen-photos"

    @property
    def paintings(self) -> Path:
        """One picture per named style."""
        return self.root / "paintings"

    @property
    def nebulae(self) -> Path:
        """Photographs of nebulae, galaxies and star clusters."""
        return self.root / "nebulae"

    @property
    def fashion(self) -> Path:
        """Fashion-MNIST, in the layout that torchvision reads."""
        return self.root / "FashionMNIST" / "raw"

    @property
    def style_pool(self) -> Path:
        """Further paintings and textures, which the style encoder learns from."""
        return self.root / "style-pool"

    @property
    def unseen_paintings(self) -> Path:
        """Paintings that nothing is trained on: how well does the style encoder generalise?"""
        return self.root / "unseen-paintings"

    @property
    def lite0(self) -> Path:
        """EfficientNet-Lite0's weights."""
        return self.root / "lite0.safetensors"

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
