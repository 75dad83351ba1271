"""The settings of a GAN run, with the defaults that made the committed generator."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GanConfig:
    """Everything that determines a run; stored in its checkpoints.

    Attributes:
        pictures: training length in pictures; learning rates and penalties follow a cosine over it.
        batch: pictures per step.
        latent_size: length of z.
        generator_width: see `Generator`.
        discriminator_width: see `Discriminator`.
        source_width: photographs are shrunk to this width (height is half of it) before cropping.
        crop_least: smallest side of the square that is cut out, in shrunken pixels.
        crop_greatest: greatest side; at most half of `source_width`.
        learning_rate: Adam's for the generator, at the start.
        discriminator_rate: learning rate of the discriminator as a multiple of the generator's
            (Heusel et al., arXiv 1706.08500); in the runs at equal rates it fell behind.
        learning_rate_end: at the end.
        gamma: weight of R1 and R2 at the start.
        gamma_end: at the end.
        penalty_every: R1 and R2 are computed every so many steps, weighted up accordingly.
        ema_pictures: half-life of the averaged weights in pictures, at most.
        ema_ramp: half-life as a fraction of the pictures seen so far, at most.
        seed: of weights, latents, crops and augmentation.
    """

    pictures: int = 320_000
    batch: int = 32
    latent_size: int = 64
    generator_width: int = 40
    discriminator_width: int = 32
    source_width: int = 160
    crop_least: int = 64
    crop_greatest: int = 80
    learning_rate: float = 2e-4
    discriminator_rate: float = 2.0
    learning_rate_end: float = 5e-5
    gamma: float = 0.05
    gamma_end: float = 0.01
    penalty_every: int = 8
    ema_pictures: int = 20_000
    ema_ramp: float = 0.1
    seed: int = 0
