"""Training sets by name: what they hold, how they are fitted, and which crops are allowed.

`landscapes`, `nebulae` and `fashion` come with `make data`; `mnist`, `cifar10` and `coco` are
torchvision's and COCO's own files; anything else is a folder of pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor
from torchvision import datasets

from training.data.crops import CropPolicy, CropSampler
from training.data.images import find_pictures, pixels_of, read_all
from training.data.layout import DataLayout, require
from training.errors import DataError, SettingsError

# Pictures are kept this much larger than the crops, so that crops differ.
_MARGIN = 1.25
_MAX_BYTES = 8 << 30
# Below this many pictures a discriminator learns them by heart unless they are augmented.
SMALL_SET = 2_000


@dataclass(frozen=True)
class TrainingSet:
    """Pictures in memory, ready to be cropped.

    Attributes:
        name: as the user gave it.
        crops: where batches come from.
        channels: 3 for colour, 1 for grey.
        classes: the classes' names; empty where pictures have none.
    """

    name: str
    crops: CropSampler
    channels: int
    classes: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """What a run's checkpoints keep of the set, because its networks depend on it."""
        return {"channels": self.channels, "classes": list(self.classes)}

    @property
    def is_small(self) -> bool:
        """Whether a discriminator would learn the pictures by heart."""
        return len(self.crops) < SMALL_SET


def load_set(name: str, resolution: int, layout: DataLayout, download: bool) -> TrainingSet:
    """Load the set `name`, or the folder of that name, for crops of `resolution` pixels.

    Args:
        name: one of `SETS`, or a folder of pictures; its sub-folders are classes.
        resolution: side of the crops.
        layout: where prepared data lies.
        download: whether torchvision may fetch what is missing.

    Raises:
        DataError: the set is missing, empty or too large for memory.
        SettingsError: there is neither a set nor a folder of that name.
    """
    if name in SETS:
        return SETS[name](resolution, layout, download)
    folder = Path(name)
    if not folder.is_dir():
        raise SettingsError(
            f"data_set: expected one of {', '.join(SETS)} or a folder of pictures, got {name!r}"
        )
    paths = find_pictures([folder])
    return _photographs(name, resolution, paths, classes_below=folder)


def _photographs(
    name: str,
    resolution: int,
    paths: Sequence[Path],
    *,
    aspect: int = 1,
    rotate: bool = False,
    whole: bool = False,
    classes_below: Path | None = None,
) -> TrainingSet:
    """Colour pictures fitted to one size; `whole` keeps crops close to the whole picture."""
    height = round(resolution * _MARGIN)
    _check_memory(name, len(paths), 3 * height * height * aspect)
    read = read_all(paths)
    size = (height * aspect, height)
    fitted = [
        pixels_of(ImageOps.fit(picture, size, Image.Resampling.LANCZOS)) for _, picture in read
    ]
    least = height * 0.85 if whole else float(resolution)
    policy = CropPolicy(least, float(height), rotate=rotate)
    labels, classes = _folder_classes([path for path, _ in read], classes_below)
    crops = CropSampler(torch.stack(fitted), resolution, policy, labels)
    return TrainingSet(name, crops, channels=3, classes=classes)


def _folder_classes(
    paths: Sequence[Path], root: Path | None
) -> tuple[Tensor | None, tuple[str, ...]]:
    """Classes by first sub-folder; none where pictures lie in the root or in one sub-folder."""
    if root is None:
        return None, ()
    folders = [path.relative_to(root).parts[0] for path in paths]
    if any(path.parent == root for path in paths) or len(set(folders)) < 2:
        return None, ()
    classes = sorted(set(folders))
    return torch.tensor([classes.index(folder) for folder in folders]), tuple(classes)


def _landscapes(resolution: int, layout: DataLayout, download: bool) -> TrainingSet:
    paths = find_pictures([require(layout.landscapes, "landscape photographs")])
    return _photographs("landscapes", resolution, paths, aspect=2)


def _nebulae(resolution: int, layout: DataLayout, download: bool) -> TrainingSet:
    paths = find_pictures([require(layout.nebulae, "deep-sky photographs")])
    return _photographs("nebulae", resolution, paths, rotate=True, whole=True)


def _coco(resolution: int, layout: DataLayout, download: bool) -> TrainingSet:
    folder = layout.root / "coco" / "train2017"
    if not folder.is_dir():
        raise DataError(
            f"{folder}: missing; expected COCO's training pictures. Unpack train2017.zip of COCO "
            f"into {folder.parent}"
        )
    return _photographs("coco", resolution, find_pictures([folder]))


def _of_torchvision(
    name: str, dataset: Callable[..., Any], flip: bool
) -> Callable[[int, DataLayout, bool], TrainingSet]:
    def load(resolution: int, layout: DataLayout, download: bool) -> TrainingSet:
        try:
            loaded = dataset(str(layout.root), train=True, download=download)
        except (RuntimeError, OSError) as error:
            raise DataError(
                f"{name}: not below {layout.root}, or damaged ({error}). Pass --download True to "
                f"let torchvision fetch it; `make data` prepares fashion"
            ) from error
        pixels = torch.as_tensor(np.asarray(loaded.data))
        pixels = pixels[:, None] if pixels.dim() == 3 else pixels.permute(0, 3, 1, 2)
        side = resolution
        _check_memory(name, len(pixels), pixels.shape[1] * side * side)
        labels = torch.as_tensor(loaded.targets)
        policy = CropPolicy(side, side, flip=flip)
        crops = CropSampler(_fit_pixels(pixels, side), side, policy, labels)
        return TrainingSet(name, crops, pixels.shape[1], tuple(loaded.classes))

    return load


def _fit_pixels(pixels: Tensor, side: int) -> Tensor:
    """uint8 [N, C, s, s] at `side` pixels: a small border is added, else it is resampled."""
    border = side - pixels.shape[-1]
    if 0 <= border <= 4 and border % 2 == 0:
        return F.pad(pixels, [border // 2] * 4)
    parts = [
        F.interpolate(part.float(), size=[side, side], mode="bilinear", antialias=True)
        for part in pixels.split(4096)
    ]
    return torch.cat([part.round().clamp(0, 255).to(torch.uint8) for part in parts])


def _check_memory(name: str, count: int, bytes_each: int) -> None:
    if count * bytes_each > _MAX_BYTES:
        raise DataError(
            f"{name}: {count} pictures would take {count * bytes_each / 1e9:.1f} GB of memory, "
            f"expected at most {_MAX_BYTES / 1e9:.1f}; choose a smaller --resolution or fewer "
            f"pictures"
        )


SETS: Mapping[str, Callable[[int, DataLayout, bool], TrainingSet]] = {
    "landscapes": _landscapes,
    "nebulae": _nebulae,
    "fashion": _of_torchvision("fashion", datasets.FashionMNIST, flip=False),
    "mnist": _of_torchvision("mnist", datasets.MNIST, flip=False),
    "cifar10": _of_torchvision("cifar10", datasets.CIFAR10, flip=True),
    "coco": _coco,
}
