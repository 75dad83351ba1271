"""One training step of the GAN, and its state."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeVar

import torch
from torch import Tensor
from torchvision.utils import make_grid

from training.checkpoint import (
    Checkpoint,
    optimiser_tensors,
    prefixed,
    restore_module,
    restore_optimiser,
)
from training.data.images import CropSampler
from training.gan.augment import augment
from training.gan.config import GanConfig
from training.gan.losses import discriminator_loss, generator_loss, gradient_penalty
from training.gan.networks import Discriminator, Generator
from training.schedules import cosine, geometric

_SAMPLES = 64
_SAMPLE_SEED = 1234
# R3GAN: no momentum, long memory of the gradient's scale.
_BETAS = (0.0, 0.99)

ModuleT = TypeVar("ModuleT", bound=torch.nn.Module)


class GanTrainer:
    """Trains a generator against a discriminator on random crops of photographs.

    Args:
        config: the run's settings.
        crops: where real pictures come from.
    """

    def __init__(self, config: GanConfig, crops: CropSampler) -> None:
        """Build networks and optimisers from the config's seed."""
        torch.manual_seed(config.seed)
        self._config = config
        self._crops = crops
        self._random = torch.Generator().manual_seed(config.seed)
        self.generator = self._place(Generator(config.latent_size, config.generator_width))
        self.discriminator = self._place(Discriminator(config.discriminator_width))
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self._optimisers = {
            name: torch.optim.Adam(module.parameters(), lr=0.0, betas=_BETAS, fused=True)
            for name, module in self._trained.items()
        }
        self._steps = 0

    @staticmethod
    def _place(module: ModuleT) -> ModuleT:
        # Convolutions on CPU and on tensor cores are faster with the channels innermost.
        return module.to(memory_format=torch.channels_last)

    @property
    def _trained(self) -> dict[str, torch.nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    @property
    def config(self) -> Mapping[str, Any]:
        """The run's settings."""
        return asdict(self._config)

    @property
    def steps_done(self) -> int:
        """Optimiser steps done so far."""
        return self._steps

    @property
    def steps_total(self) -> int:
        """Optimiser steps of the whole training."""
        return math.ceil(self._config.pictures / self._config.batch)

    @property
    def pictures_per_step(self) -> int:
        """The batch size."""
        return self._config.batch

    def step(self) -> dict[str, float]:
        """One discriminator step and one generator step on the same generated pictures."""
        self._schedule()
        real = self._crops.draw(self._config.batch, self._random)
        real = augment(real.contiguous(memory_format=torch.channels_last), self._random)
        latent = torch.randn(self._config.batch, self._config.latent_size, generator=self._random)
        fake = self.generator(latent)
        values = self._step_discriminator(real, fake.detach())
        values |= self._step_generator(real, fake)
        self._steps += 1
        self._update_average()
        return values

    def _schedule(self) -> None:
        rate = cosine(self._config.learning_rate, self._config.learning_rate_end, self._progress)
        self._optimisers["generator"].param_groups[0]["lr"] = rate
        rate *= self._config.discriminator_rate
        self._optimisers["discriminator"].param_groups[0]["lr"] = rate

    @property
    def _progress(self) -> float:
        return self._steps / self.steps_total

    def _step_discriminator(self, real: Tensor, fake: Tensor) -> dict[str, float]:
        fake = augment(fake, self._random)
        real_score, fake_score = self.discriminator(torch.cat([real, fake])).chunk(2)
        loss = discriminator_loss(real_score, fake_score)
        values = {
            "loss_d": loss.item(),
            "real_score": real_score.mean().item(),
            "fake_score": fake_score.mean().item(),
        }
        if self._steps % self._config.penalty_every == 0:
            gamma = geometric(self._config.gamma, self._config.gamma_end, self._progress)
            penalties = gradient_penalty(self.discriminator, real)
            penalties = penalties + gradient_penalty(self.discriminator, fake)
            loss = loss + 0.5 * gamma * self._config.penalty_every * penalties
        self._apply("discriminator", loss)
        return values

    def _step_generator(self, real: Tensor, fake: Tensor) -> dict[str, float]:
        # The scores need the gradient by the picture only; weight gradients would be thrown away.
        self.discriminator.requires_grad_(False)
        with torch.no_grad():
            real_score = self.discriminator(real)
        fake_score = self.discriminator(augment(fake, self._random))
        loss = generator_loss(real_score, fake_score)
        self._apply("generator", loss)
        self.discriminator.requires_grad_(True)
        return {"loss_g": loss.item()}

    def _apply(self, name: str, loss: Tensor) -> None:
        optimiser = self._optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    @torch.no_grad()
    def _update_average(self) -> None:
        seen = self._steps * self._config.batch
        half_life = min(self._config.ema_pictures, seen * self._config.ema_ramp)
        decay = 0.5 ** (self._config.batch / half_life)
        pairs = zip(self.average.parameters(), self.generator.parameters(), strict=True)
        for mean, current in pairs:
            mean.lerp_(current, 1.0 - decay)

    def sample_grid(self) -> Tensor:
        """64 pictures of the averaged generator from latents that never change."""
        fixed = torch.Generator().manual_seed(_SAMPLE_SEED)
        latent = torch.randn(_SAMPLES, self._config.latent_size, generator=fixed)
        return make_grid(
            self.average(latent), nrow=8, padding=1, normalize=True, value_range=(-1, 1)
        )

    def to_checkpoint(self) -> Checkpoint:
        """Networks, averaged weights, optimisers and random state."""
        tensors = prefixed("average", self.average.state_dict())
        tensors["random"] = self._random.get_state()
        for name, module in self._trained.items():
            tensors |= prefixed(name, module.state_dict())
            tensors |= optimiser_tensors(f"optimiser.{name}", self._optimisers[name])
        return Checkpoint(self._steps, {"config": dict(self.config)}, tensors)

    def restore(self, saved: Checkpoint) -> None:
        """Continue exactly where `saved` was made."""
        restore_module("average", self.average, saved.tensors)
        for name, module in self._trained.items():
            restore_module(name, module, saved.tensors)
            restore_optimiser(f"optimiser.{name}", self._optimisers[name], saved.tensors)
        self._random.set_state(saved.tensors["random"])
        self._steps = saved.step
