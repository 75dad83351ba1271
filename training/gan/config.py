"""The settings of a GAN run and the recipes that preset them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GanConfig:
    """Everything that determines a run; stored in its checkpoints.

    Attributes:
        data_set: `landscapes`, `nebulae`, `fashion`, `mnist`, `cifar10`, `coco`, or a folder.
        download: whether torchvision may fetch a set that is missing.
        resolution: side of the pictures.
        conditional: whether the pictures' classes are given to both networks.
        network: of the generator: `mlp`, `dcgan` or `residual`.
        discriminator: `mlp`, `dcgan`, `residual` or `projected`.
        latent_size: length of z.
        generator_width: features of the generator at 32x32.
        discriminator_width: features of the discriminator's first level.
        start_from: run folder whose networks this run begins with; empty: none.
        pictures: training length in pictures; learning rates and penalties follow a cosine over it.
        batch: pictures per step, over all processes.
        loss: see `losses.LOSSES`.
        penalty: see `penalties.PENALTIES`.
        gamma: weight of the penalty at the start.
        gamma_end: at the end.
        penalty_every: the penalty is computed every so many steps, weighted up accordingly.
        spectral_norm: spectral normalisation of the discriminator.
        augment: `auto` (`fixed` for sets under 2,000 pictures, else `none`), `none`, `fixed` or
            `adaptive`.
        learning_rate: Adam's for the generator, at the start.
        learning_rate_end: at the end.
        discriminator_rate: learning rate of the discriminator as a multiple of the generator's
            (Heusel et al., arXiv 1706.08500); in the runs at equal rates it fell behind.
        discriminator_steps: discriminator steps per generator step.
        beta1, beta2: Adam's for both networks.
        ema_pictures: half-life of the averaged weights in pictures, at most; 0: no averaging.
        ema_ramp: half-life as a fraction of the pictures seen so far, at most.
        precision: `fp32`, or `bf16` for mixed precision.
        metric_features: `auto`, `inception`, `lite0`, `fashion` or `none`.
        metric_samples: pictures per set that are compared.
        watch_every: steps between looks at the diversity of a fixed batch.
        seed: of weights, latents, crops and augmentation.
    """

    data_set: str = "landscapes"
    download: bool = False
    resolution: int = 64
    conditional: bool = False
    network: str = "dcgan"
    discriminator: str = "dcgan"
    latent_size: int = 64
    generator_width: int = 40
    discriminator_width: int = 32
    start_from: str = ""
    pictures: int = 320_000
    batch: int = 32
    loss: str = "relativistic"
    penalty: str = "r1r2"
    gamma: float = 0.05
    gamma_end: float = 0.01
    penalty_every: int = 8
    spectral_norm: bool = False
    augment: str = "auto"
    learning_rate: float = 2e-4
    learning_rate_end: float = 5e-5
    discriminator_rate: float = 2.0
    discriminator_steps: int = 1
    beta1: float = 0.0
    beta2: float = 0.99
    ema_pictures: int = 20_000
    ema_ramp: float = 0.1
    precision: str = "fp32"
    metric_features: str = "auto"
    metric_samples: int = 1_280
    watch_every: int = 500
    seed: int = 0


# Classical choices by name; every setting can still be given beside a recipe.
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "r3gan": {},
    # The classroom GAN: fully connected, the minimax game as first written down, no remedy.
    "seed": {
        "data_set": "fashion",
        "resolution": 28,
        "network": "mlp",
        "discriminator": "mlp",
        "batch": 64,
        "loss": "minimax",
        "penalty": "none",
        "augment": "none",
        "learning_rate_end": 2e-4,
        "discriminator_rate": 1.0,
        "beta1": 0.5,
        "beta2": 0.999,
        "ema_pictures": 0,
    },
    "dcgan": {
        "loss": "non-saturating",
        "penalty": "none",
        "discriminator_rate": 1.0,
        "beta1": 0.5,
        "beta2": 0.999,
    },
    "sngan": {
        "loss": "hinge",
        "penalty": "none",
        "spectral_norm": True,
        "beta2": 0.9,
    },
    "wgan-gp": {
        "loss": "wasserstein",
        "penalty": "wgan-gp",
        "gamma": 10.0,
        "gamma_end": 10.0,
        "penalty_every": 1,
        "learning_rate": 1e-4,
        "discriminator_rate": 1.0,
        "discriminator_steps": 5,
        "beta2": 0.9,
    },
    "projected": {
        "discriminator": "projected",
        "loss": "hinge",
        "penalty": "none",
        "discriminator_rate": 1.0,
        "learning_rate_end": 2e-4,
    },
}
