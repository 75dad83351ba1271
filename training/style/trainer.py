"""One training step of the stylizer and the style encoder, and their state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.utils import make_grid

from training.checkpoint import (
    Checkpoint,
    optimiser_tensors,
    prefixed,
    restore_module,
    restore_optimiser,
    without_prefix,
)
from training.data.crops import CropSampler
from training.pretrained.vgg import PerceptualNetwork
from training.schedules import cosine
from training.style.config import StyleConfig
from training.style.content import draw_content
from training.style.encoder import StyleHead
from training.style.grain import Grain
from training.style.networks import Stylizer
from training.style.pool import StylePool, palette

_BETAS = (0.9, 0.99)
# Encoded styles in the sample grid, beside the named ones.
_ENCODED_SAMPLES = 3


class StyleTrainer:
    """Trains one stylizer, one style code per named style, and the head of the style encoder.

    Args:
        config: the run's settings.
        names: of the styles.
        named: the styles' paintings, measured, one row per name.
        pool: the style pool.
        content: where content crops come from.
        perceptual: has at least the objective's layers.
        samples: content [N, 3, H, W] for the sample grid.
    """

    def __init__(
        self,
        config: StyleConfig,
        names: Sequence[str],
        named: StylePool,
        pool: StylePool,
        content: CropSampler,
        perceptual: PerceptualNetwork,
        samples: Tensor,
    ) -> None:
        """Build the networks."""
        torch.manual_seed(config.seed)
        self._config = config
        self._objective = config.objective
        self._names = tuple(names)
        self._named = named
        self._pool = pool
        self._content = content
        self._perceptual = perceptual
        self._samples = samples
        self._random = torch.Generator().manual_seed(config.seed)
        self.stylizer = Stylizer(config.shape).to(memory_format=torch.channels_last)
        self.codes = torch.nn.Parameter(self.stylizer.initial_codes(len(self._names)))
        trained_part = self.stylizer.trained_part()
        self.head = StyleHead(trained_part)
        self.head.standardise(pool.statistics)
        with torch.no_grad():
            self.head.to_code.bias.copy_(self.codes[0])
        self.codes.register_hook(lambda gradient: gradient * trained_part)
        groups = [
            {"params": list(self.stylizer.parameters())},
            {"params": [self.codes]},
            {"params": list(self.head.parameters())},
        ]
        self._optimiser = torch.optim.Adam(groups, lr=0.0, betas=_BETAS, fused=True)
        self._steps = 0

    @property
    def config(self) -> Mapping[str, Any]:
        """The run's settings and the styles it trains."""
        return {**asdict(self._config), "styles": list(self._names)}

    @property
    def steps_done(self) -> int:
        """Optimiser steps done so far."""
        return self._steps

    @property
    def steps_total(self) -> int:
        """Optimiser steps of the whole training."""
        return self._config.steps

    @property
    def pictures_per_step(self) -> int:
        """The batch size."""
        return self._config.batch

    def begin_with(self, saved: Checkpoint) -> None:
        """Take over network, encoder and the codes of known names from another run.

        Styles that run does not know begin at the mean of its codes.

        Raises:
            CheckpointError: it is of another network.
        """
        restore_module("stylizer", self.stylizer, saved.tensors)
        codes, names = saved.tensors["codes"], list(saved.state["config"]["styles"])
        with torch.no_grad():
            for index, name in enumerate(self._names):
                known = codes[names.index(name)] if name in names else codes.mean(dim=0)
                self.codes[index] = known
            self.head.to_code.bias.copy_(codes.mean(dim=0))
        if without_prefix("head", saved.tensors):
            restore_module("head", self.head, saved.tensors)

    def step(self) -> dict[str, float]:
        """Paint one batch of content crops and improve network, codes and encoder."""
        self._schedule()
        image = draw_content(self._content, self._config.batch, self._random)
        named = self._config.batch - self._config.encoded
        first = self._steps * named
        chosen = torch.arange(first, first + named) % len(self._names)
        drawn = torch.randint(len(self._pool), (self._config.encoded,), generator=self._random)
        encoded = self._pool.rows(drawn)
        codes = torch.cat([self.codes[chosen], self.head(encoded.statistics)])
        styles = self._named.rows(chosen).joined(encoded)
        painted = self.stylizer(image, codes, Grain.draw_place(self._random))
        if self._steps < self._config.warmup_steps:
            loss = F.mse_loss(painted, _recoloured(image, styles.palettes))
            values = {"palette": loss}
        else:
            content = self._objective.content_features(self._perceptual, image)
            values = self._objective.judge(self._perceptual, painted, content, styles.grams)
            loss = self._objective.total(values)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()
        self._steps += 1
        return {name: value.item() for name, value in values.items()}

    def _schedule(self) -> None:
        start, end = self._config.learning_rate, self._config.learning_rate_end
        rate = cosine(start, end, self._steps / self._config.steps)
        network, codes, head = self._optimiser.param_groups
        network["lr"] = rate
        codes["lr"] = rate * self._config.code_rate
        head["lr"] = rate * self._config.encoder_rate

    def grams_of(self, style: int, count: int) -> dict[str, Tensor]:
        """The Gram matrices of one named style, repeated for `count` pictures."""
        chosen = torch.full((count,), style)
        return dict(self._named.rows(chosen).grams)

    def alarms(self) -> Sequence[str]:
        """None: a stylizer has no opponent to collapse with."""
        return ()

    def evaluate(self) -> Mapping[str, float]:
        """None; `make style-quality` measures a finished stylizer."""
        return {}

    def sample_grid(self) -> Tensor:
        """Each sample picture, in every named style, and in styles that the encoder read."""
        codes = torch.cat([self.codes, self.head(self._pool.statistics[:_ENCODED_SAMPLES])])
        rows = []
        for image in self._samples.split(1):
            painted = [self.stylizer(image, code[None]) for code in codes]
            rows += [image, *painted]
        pictures = torch.cat(rows)
        return make_grid(
            pictures, nrow=len(codes) + 1, padding=2, normalize=True, value_range=(-1, 1)
        )

    def to_checkpoint(self) -> Checkpoint:
        """Network, codes, encoder head, optimiser and random state."""
        tensors = prefixed("stylizer", self.stylizer.state_dict())
        tensors |= prefixed("head", self.head.state_dict())
        tensors |= optimiser_tensors("optimiser", self._optimiser)
        tensors |= {"codes": self.codes.detach(), "random": self._random.get_state()}
        return Checkpoint(self._steps, {"config": dict(self.config)}, tensors)

    def restore(self, saved: Checkpoint) -> None:
        """Continue exactly where `saved` was made."""
        restore_module("stylizer", self.stylizer, saved.tensors)
        restore_module("head", self.head, saved.tensors)
        restore_optimiser("optimiser", self._optimiser, saved.tensors)
        with torch.no_grad():
            self.codes.copy_(saved.tensors["codes"])
        self._random.set_state(saved.tensors["random"])
        self._steps = saved.step


def _recoloured(image: Tensor, palettes: Tensor) -> Tensor:
    """The pictures with each colour channel's mean and deviation taken from the paintings."""
    mean, deviation = palette(image).unbind(1)
    new_mean, new_deviation = palettes.unbind(1)
    return ((image - mean) / (deviation + 0.05) * new_deviation + new_mean).clamp(-1.0, 1.0)
