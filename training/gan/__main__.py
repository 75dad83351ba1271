"""Train a GAN: `python -m training.gan`, or under `torchrun` on several devices."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from training.checkpoint import load_newest
from training.data.layout import DataLayout
from training.data.sets import load_set
from training.errors import SettingsError
from training.gan.config import RECIPES, GanConfig
from training.gan.networks.build import discriminator_of, generator_of
from training.gan.quality import Quality
from training.gan.trainer import GanTrainer
from training.metrics.features import choose_features
from training.options import training_command
from training.runtime import Runtime


def build(config: GanConfig, layout: DataLayout, runtime: Runtime) -> GanTrainer:
    """Load the data and build networks, measures and trainer.

    Raises:
        TrainingError: a setting or the data is not what was expected.
    """
    data = load_set(config.data_set, config.resolution, layout, config.download)
    if config.conditional and not data.classes:
        raise SettingsError(
            f"conditional: {config.data_set} has no classes; put the pictures into one sub-folder "
            f"per class, or leave the setting out"
        )
    torch.manual_seed(config.seed)
    settings = {**asdict(config), **data.settings}
    generator = generator_of(settings)
    discriminator = discriminator_of(settings, layout)
    extractor = choose_features(
        config.metric_features, config.data_set, config.metric_samples, layout
    )
    quality = Quality(
        data,
        config.latent_size,
        config.conditional,
        extractor,
        config.metric_samples,
        runtime.device,
    )
    trainer = GanTrainer(config, data, generator, discriminator, quality, runtime)
    if config.start_from:
        trainer.begin_with(load_newest(Path(config.start_from)))
    return trainer


main = training_command(__doc__, GanConfig, build, Path("runs/gan"), RECIPES)

if __name__ == "__main__":
    main()
