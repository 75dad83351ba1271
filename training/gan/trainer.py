"""One training step of the GAN, and its state."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.utils import make_grid

from training.checkpoint import (
    Checkpoint,
    optimiser_tensors,
    prefixed,
    restore_module,
    restore_optimiser,
)
from training.data.sets import TrainingSet
from training.gan.augment import augment, draw_amounts
from training.gan.average import update_average
from training.gan.config import GanConfig
from training.gan.losses import adversarial_loss
from training.gan.networks.build import class_count
from training.gan.networks.layers import class_weights
from training.gan.overfitting import AugmentationSchedule, sign_above
from training.gan.penalties import gradient_penalty
from training.gan.quality import Quality
from training.gan.watch import Watch
from training.runtime import Runtime
from training.schedules import cosine, geometric

_SAMPLES = 64
_SAMPLE_SEED = 1234


class GanTrainer:
    """Trains a generator against a discriminator.

    Args:
        config: the run's settings.
        data: where real pictures come from.
        generator: makes pictures.
        discriminator: scores them.
        quality: measures the averaged generator.
        runtime: where to compute, and this process's share.
    """

    def __init__(
        self,
        config: GanConfig,
        data: TrainingSet,
        generator: nn.Module,
        discriminator: nn.Module,
        quality: Quality,
        runtime: Runtime,
    ) -> None:
        """Build the optimisers.

        Raises:
            SettingsError: a setting names something that does not exist.
        """
        self._config = config
        self._data = data
        self._quality = quality
        self._runtime = runtime
        self._rows = runtime.rows(config.batch)
        self._loss = adversarial_loss(config.loss)
        self._penalty = gradient_penalty(config.penalty)
        self._augmentation = AugmentationSchedule(config.augment, data.is_small)
        self._random = torch.Generator().manual_seed(config.seed)
        self._classes = class_count(self.config)
        self.generator = self._place(generator)
        self.discriminator = self._place(discriminator)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self._optimisers = {
            name: torch.optim.Adam(
                [item for item in module.parameters() if item.requires_grad],
                lr=0.0,
                betas=(config.beta1, config.beta2),
                fused=True,
            )
            for name, module in self._trained.items()
        }
        self._watch = Watch()
        self._alarms: list[str] = []
        self._steps = 0

    def _place(self, module: nn.Module) -> nn.Module:
        # Convolutions on CPU and on tensor cores are faster with the channels innermost.
        return module.to(self._runtime.device).to(memory_format=torch.channels_last)

    @property
    def _trained(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    @property
    def config(self) -> Mapping[str, Any]:
        """The run's settings, and what the data made of them."""
        return {**asdict(self._config), **self._data.settings}

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
        """The batch size over all processes."""
        return self._config.batch

    def begin_with(self, saved: Checkpoint) -> None:
        """Take over another run's networks; the average begins at that run's average.

        Raises:
            CheckpointError: they are of another architecture.
        """
        restore_module("average", self.generator, saved.tensors)
        restore_module("average", self.average, saved.tensors)
        restore_module("discriminator", self.discriminator, saved.tensors)

    def step(self) -> dict[str, float]:
        """The discriminator's steps, then one generator step on the same generated pictures."""
        self._schedule()
        for _ in range(self._config.discriminator_steps - 1):
            real, label = self._draw_real()
            with torch.no_grad(), self._runtime.mixed_precision():
                fake = self.generator(self._draw_latent(), label)
            self._step_discriminator(real, fake, label)
        real, label = self._draw_real()
        with self._runtime.mixed_precision():
            fake = self.generator(self._draw_latent(), label)
        values = self._step_discriminator(real, fake.detach(), label)
        values |= self._step_generator(real, fake, label)
        self._steps += 1
        seen = self._steps * self._config.batch
        half_life = min(self._config.ema_pictures, seen * self._config.ema_ramp)
        update_average(self.average, self.generator, self._config.batch, half_life)
        if self._steps % self._config.watch_every == 0:
            values["diversity"] = self._quality.diversity(self.average)
        self._alarms += [
            f"{alarm.name} at step {self._steps}: {alarm.message}"
            for alarm in self._watch.observe(values)
        ]
        return values

    def alarms(self) -> Sequence[str]:
        """What went wrong since the last call, in sentences that say what to try."""
        alarms, self._alarms = self._alarms, []
        return alarms

    def evaluate(self) -> Mapping[str, float]:
        """Distances between generated and real pictures; empty without a feature extractor."""
        return self._quality.distances(self.average)

    def _schedule(self) -> None:
        rate = cosine(self._config.learning_rate, self._config.learning_rate_end, self._progress)
        self._optimisers["generator"].param_groups[0]["lr"] = rate
        rate *= self._config.discriminator_rate
        self._optimisers["discriminator"].param_groups[0]["lr"] = rate

    @property
    def _progress(self) -> float:
        return self._steps / self.steps_total

    def _draw_real(self) -> tuple[Tensor, Tensor | None]:
        """Augmented real pictures and their class weights, this process's rows."""
        batch = self._config.batch
        image, classes = self._data.crops.draw_labelled(batch, self._random, self._rows)
        label = None
        if self._classes and classes is not None:
            label = class_weights(classes, self._classes, self._runtime.device)
        image = image.to(self._runtime.device, memory_format=torch.channels_last)
        return self._augment(image), label

    def _draw_latent(self) -> Tensor:
        shape = self._config.batch, self._config.latent_size
        return torch.randn(shape, generator=self._random)[self._rows].to(self._runtime.device)

    def _augment(self, image: Tensor) -> Tensor:
        amounts = draw_amounts(
            self._config.batch, self._augmentation.probability, self._random
        ).rows(self._rows)
        if self._augmentation.probability == 0.0:
            return image
        return augment(image, amounts.to(self._runtime.device))

    def _step_discriminator(
        self, real: Tensor, fake: Tensor, label: Tensor | None
    ) -> dict[str, float]:
        fake = self._augment(fake)
        both = None if label is None else torch.cat([label, label])
        with self._runtime.mixed_precision():
            scores = self.discriminator(torch.cat([real, fake.to(real.dtype)]), both)
        real_score, fake_score = scores.float().chunk(2)
        loss = self._loss.discriminator(real_score, fake_score)
        if self._augmentation.adapts:
            # The mean over the processes, or each would go on with a probability of its own.
            signs = self._runtime.mean(sign_above(real_score.detach(), fake_score.detach()))
            self._augmentation.observe(signs.item(), self._config.batch)
        values = {
            "loss_d": loss.item(),
            "real_score": real_score.mean().item(),
            "fake_score": fake_score.mean().item(),
            "accuracy": (real_score > fake_score).float().mean().item(),
        }
        if self._penalty is not None and self._steps % self._config.penalty_every == 0:
            loss = loss + self._weighted_penalty(real, fake, label)
        values["gradient_d"] = self._apply("discriminator", loss)
        return values

    def _weighted_penalty(self, real: Tensor, fake: Tensor, label: Tensor | None) -> Tensor:
        assert self._penalty is not None
        gamma = geometric(self._config.gamma, self._config.gamma_end, self._progress)
        mixture = torch.rand(self._config.batch, 1, 1, 1, generator=self._random)[self._rows]
        # In full precision always: squared gradients of a low-precision graph are noise.
        penalty = self._penalty(
            lambda image: self.discriminator(image, label),
            real,
            fake.float(),
            mixture.to(real.device),
        )
        return gamma * self._config.penalty_every * penalty

    def _step_generator(self, real: Tensor, fake: Tensor, label: Tensor | None) -> dict[str, float]:
        # The scores need the gradient by the picture only; weight gradients would be thrown away.
        trained = self._optimisers["discriminator"].param_groups[0]["params"]
        for parameter in trained:
            parameter.requires_grad_(False)
        with self._runtime.mixed_precision():
            real_score = torch.zeros(())
            if self._loss.compares:
                with torch.no_grad():
                    real_score = self.discriminator(real, label)
            fake_score = self.discriminator(self._augment(fake), label)
        loss = self._loss.generator(real_score.float(), fake_score.float())
        gradient = self._apply("generator", loss)
        for parameter in trained:
            parameter.requires_grad_(True)
        return {"loss_g": loss.item(), "gradient_g": gradient}

    def _apply(self, name: str, loss: Tensor) -> float:
        """Step one optimiser down the loss; the norm of the gradient that it followed."""
        optimiser = self._optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        parameters = optimiser.param_groups[0]["params"]
        self._runtime.share_gradients(parameters)
        norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        optimiser.step()
        return norm.item()

    @torch.no_grad()
    def sample_grid(self) -> Tensor:
        """64 pictures of the averaged generator from latents that never change.

        With classes, each column is one class.
        """
        fixed = torch.Generator().manual_seed(_SAMPLE_SEED)
        columns = self._classes or 8
        count = _SAMPLES // columns * columns
        latent = torch.randn(count, self._config.latent_size, generator=fixed)
        label = None
        if self._classes:
            label = class_weights(torch.arange(count), self._classes, self._runtime.device)
        pictures = self.average(latent.to(self._runtime.device), label)
        return make_grid(
            pictures, nrow=columns, padding=1, normalize=True, value_range=(-1, 1)
        ).cpu()

    def to_checkpoint(self) -> Checkpoint:
        """Networks, averaged weights, optimisers, random state, alarms and augmentation."""
        tensors = prefixed("average", self.average.state_dict())
        tensors["random"] = self._random.get_state()
        for name, module in self._trained.items():
            tensors |= prefixed(name, module.state_dict())
            tensors |= optimiser_tensors(f"optimiser.{name}", self._optimisers[name])
        state = {
            "config": dict(self.config),
            "watch": self._watch.to_state(),
            "augmentation": self._augmentation.to_state(),
        }
        return Checkpoint(self._steps, state, tensors)

    def restore(self, saved: Checkpoint) -> None:
        """Continue exactly where `saved` was made."""
        restore_module("average", self.average, saved.tensors)
        for name, module in self._trained.items():
            restore_module(name, module, saved.tensors)
            restore_optimiser(f"optimiser.{name}", self._optimisers[name], saved.tensors)
        self._random.set_state(saved.tensors["random"].cpu())
        self._watch = Watch.of_state(saved.state["watch"])
        self._augmentation.restore(saved.state["augmentation"])
        self._steps = saved.step
