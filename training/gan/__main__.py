"""Train the landscape GAN: `python -m training.gan`."""

from __future__ import annotations

from pathlib import Path

import torch

from training.data.images import CropSampler, find_pictures, load_picture
from training.data.layout import DataLayout, require
from training.errors import SettingsError
from training.gan.config import GanConfig
from training.gan.networks import IMAGE_SIZE
from training.gan.trainer import GanTrainer
from training.options import training_command


def build(config: GanConfig, layout: DataLayout) -> GanTrainer:
    """Load the photographs and build the trainer."""
    if not 1 <= config.crop_least <= config.crop_greatest <= config.source_width // 2:
        raise SettingsError(
            f"crop_least, crop_greatest: expected 1 <= least <= greatest <= half of source_width "
            f"({config.source_width // 2}), got {config.crop_least} and {config.crop_greatest}"
        )
    folder = require(layout.landscapes, "landscape photographs")
    size = (config.source_width, config.source_width // 2)
    pictures = torch.stack([load_picture(path, size) for path in find_pictures([folder])])
    crops = CropSampler(pictures, IMAGE_SIZE, (config.crop_least, config.crop_greatest))
    return GanTrainer(config, crops)


main = training_command(__doc__, GanConfig, build, Path("runs/gan"))

if __name__ == "__main__":
    main()
