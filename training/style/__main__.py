"""Train the stylizer on every prepared painting: `python -m training.style`."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image, ImageOps

from training.data.images import CropSampler, find_pictures, pixels_of, to_unit_range
from training.data.layout import DataLayout, require
from training.data.paintings import PAINTINGS
from training.options import training_command
from training.style.config import StyleConfig
from training.style.perceptual import load_perceptual
from training.style.trainer import StyleTrainer

# Content pictures are fitted to this size (width, height); its height is that of a painted picture.
_CONTENT_SIZE = (512, 256)
_SAMPLES = 3


def build(config: StyleConfig, layout: DataLayout) -> StyleTrainer:
    """Load content, paintings and the perceptual network, and build the trainer."""
    folders = [
        require(layout.landscapes, "landscape photographs"),
        require(layout.photos, "photographs"),
    ]
    pictures = torch.stack([_fit(path) for path in find_pictures(folders)])
    content = CropSampler(pictures, config.crop, (config.crop, config.crop * 3 // 2))
    side = _CONTENT_SIZE[1]
    chosen = pictures[:: len(pictures) // _SAMPLES][:_SAMPLES, :, :, :side]
    layers = [config.content_layer, *config.style_layers.split(",")]
    return StyleTrainer(
        config,
        styles=[painting.name for painting in PAINTINGS],
        paintings=[
            _load_painting(layout.paintings / f"{painting.name}.png", config.style_side)
            for painting in PAINTINGS
        ],
        content=content,
        perceptual=load_perceptual(config.perceptual, layout, layers),
        samples=to_unit_range(chosen),
    )


def _fit(path: Path) -> torch.Tensor:
    with Image.open(path) as opened:
        return pixels_of(ImageOps.fit(opened.convert("RGB"), _CONTENT_SIZE))


def _load_painting(path: Path, side: int) -> torch.Tensor:
    require(path, "a painting")
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    factor = side / min(picture.size)
    picture = picture.resize((round(picture.width * factor), round(picture.height * factor)))
    return to_unit_range(pixels_of(picture))[None]


main = training_command(__doc__, StyleConfig, build, Path("runs/style"))

if __name__ == "__main__":
    main()
