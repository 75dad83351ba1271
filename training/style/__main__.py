"""Train the stylizer on every prepared painting: `python -m training.style`."""

from __future__ import annotations

from pathlib import Path

import torch

from training.checkpoint import load_newest
from training.data.images import find_pictures, to_unit_range
from training.data.layout import DataLayout, require
from training.data.paintings import PAINTINGS
from training.errors import SettingsError
from training.options import training_command
from training.pretrained.lite0 import load_lite0
from training.pretrained.vgg import load_perceptual
from training.runtime import Runtime
from training.style.config import StyleConfig
from training.style.content import CONTENT_SIZE, content_crops
from training.style.encoder import ENCODER_TAPS
from training.style.pictures import load_style
from training.style.pool import measure, variations
from training.style.trainer import StyleTrainer

_SAMPLES = 2


def build(config: StyleConfig, layout: DataLayout, runtime: Runtime) -> StyleTrainer:
    """Load content, paintings and the pretrained networks, and build the trainer."""
    if not 0 <= config.encoded < config.batch:
        raise SettingsError(
            f"encoded: expected 0 to batch - 1 ({config.batch - 1}), got {config.encoded}"
        )
    content, pictures = content_crops(layout, config.crop)
    chosen = pictures[:: len(pictures) // _SAMPLES][:_SAMPLES, :, :, : CONTENT_SIZE[1]]
    perceptual = load_perceptual(config.perceptual, layout, config.objective.layers)
    paths = [
        require(layout.paintings / f"{painting.name}.png", "a painting") for painting in PAINTINGS
    ]
    named = [load_style(path, config.style_side, config.crop) for path in paths]
    more = find_pictures([require(layout.style_pool, "pictures for the style encoder")])
    pool = [*named, *(load_style(path, config.style_side, config.crop) for path in more)]

    layers = list(config.objective.layer_weights)
    trunk = load_lite0(layout, ENCODER_TAPS)
    random = torch.Generator().manual_seed(config.seed)
    varied = [item for style in pool for item in variations(style, config.variations, random)]
    trainer = StyleTrainer(
        config,
        names=[painting.name for painting in PAINTINGS],
        named=measure(named, perceptual, layers, trunk),
        pool=measure(varied, perceptual, layers, trunk),
        content=content,
        perceptual=perceptual,
        samples=to_unit_range(chosen),
    )
    if config.start_from:
        trainer.begin_with(load_newest(Path(config.start_from)))
    return trainer


main = training_command(__doc__, StyleConfig, build, Path("runs/style"))

if __name__ == "__main__":
    main()
