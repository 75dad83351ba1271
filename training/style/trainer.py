"""One training step of the stylizer, and its state."""

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
)
from training.data.images import CropSampler
from training.schedules import cosine
from training.style.config import StyleConfig
from training.style.losses import content_loss, gram, style_loss, total_variation
from training.style.networks import Stylizer
from training.style.perceptual import PerceptualNetwork

# The generator's pictures are enlarged this much before they are painted, so half of the content
# is made equally soft: a stylizer that saw only sharp photographs paints mush on soft ones.
_SOFTENING = 4
_BETAS = (0.9, 0.99)


def _palette(image: Tensor) -> Tensor:
    """Mean and standard deviation per colour channel: [B, 2, 3, 1, 1] of [B, 3, H, W]."""
    deviation, mean = torch.std_mean(image, dim=(2, 3), keepdim=True)
    return torch.stack([mean, deviation], dim=1)


class StyleTrainer:
    """Trains one stylizer and one style code per painting.

    Args:
        config: the run's settings.
        styles: the paintings' names.
        paintings: float [1, 3, H, W] in [-1, 1], one per name.
        content: where content crops come from.
        perceptual: has at least the config's content and style layers.
        samples: content [N, 3, H, W] for the sample grid.
    """

    def __init__(
        self,
        config: StyleConfig,
        styles: Sequence[str],
        paintings: Sequence[Tensor],
        content: CropSampler,
        perceptual: PerceptualNetwork,
        samples: Tensor,
    ) -> None:
        """Build the network and measure the paintings."""
        torch.manual_seed(config.seed)
        self._config = config
        self._styles = tuple(styles)
        self._content = content
        self._perceptual = perceptual
        self._samples = samples
        self._random = torch.Generator().manual_seed(config.seed)
        self._style_layers = config.style_layers.split(",")
        self.stylizer = Stylizer().to(memory_format=torch.channels_last)
        self.codes = torch.nn.Parameter(self.stylizer.initial_codes(len(self._styles)))
        # Named styles add none of the input picture; only the identity code does.
        trained = torch.ones(self.stylizer.code_size)
        trained[-1] = 0.0
        self.codes.register_hook(lambda gradient: gradient * trained)
        groups = [
            {"params": list(self.stylizer.parameters())},
            {"params": [self.codes]},
        ]
        self._optimiser = torch.optim.Adam(groups, lr=0.0, betas=_BETAS, fused=True)
        self._targets = self._measure(paintings)
        self._palettes = torch.cat([_palette(painting) for painting in paintings])
        self._steps = 0

    @torch.no_grad()
    def _measure(self, paintings: Sequence[Tensor]) -> dict[str, Tensor]:
        """Gram targets [styles, C, C] by layer."""
        measured = [self._perceptual(painting) for painting in paintings]
        return {
            name: torch.cat([gram(features[name]) for features in measured])
            for name in self._style_layers
        }

    @property
    def config(self) -> Mapping[str, Any]:
        """The run's settings and the styles it trains."""
        return {**asdict(self._config), "styles": list(self._styles)}

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

    def step(self) -> dict[str, float]:
        """Paint one batch of content crops and improve network and codes."""
        self._schedule()
        image = self._draw()
        first = self._steps * self._config.batch
        chosen = torch.arange(first, first + self._config.batch) % len(self._styles)
        painted = self.stylizer(image, self.codes[chosen])
        if self._steps < self._config.warmup_steps:
            losses = {"palette": F.mse_loss(painted, self._recoloured(image, chosen))}
        else:
            losses = self._perceptual_losses(image, painted, chosen)
        self._improve(losses)
        self._steps += 1
        return {name: loss.item() for name, loss in losses.items()}

    def _schedule(self) -> None:
        start, end = self._config.learning_rate, self._config.learning_rate_end
        rate = cosine(start, end, self._steps / self._config.steps)
        network, codes = self._optimiser.param_groups
        network["lr"] = rate
        codes["lr"] = rate * self._config.code_rate

    def _draw(self) -> Tensor:
        image = self._content.draw(self._config.batch, self._random)
        soft = F.avg_pool2d(image, _SOFTENING)
        soft = F.interpolate(soft, scale_factor=_SOFTENING, mode="bilinear", align_corners=False)
        is_soft = torch.rand(len(image), 1, 1, 1, generator=self._random) < 0.5
        image = torch.where(is_soft, soft, image)
        return image.contiguous(memory_format=torch.channels_last)

    def _recoloured(self, image: Tensor, chosen: Tensor) -> Tensor:
        """The pictures with each colour channel's mean and deviation taken from the paintings."""
        mean, deviation = _palette(image).unbind(1)
        new_mean, new_deviation = self._palettes[chosen].unbind(1)
        return ((image - mean) / (deviation + 0.05) * new_deviation + new_mean).clamp(-1.0, 1.0)

    def _perceptual_losses(
        self, image: Tensor, painted: Tensor, chosen: Tensor
    ) -> dict[str, Tensor]:
        features = self._perceptual(painted)
        with torch.no_grad():
            target = self._perceptual(image)[self._config.content_layer]
        targets = {name: grams[chosen] for name, grams in self._targets.items()}
        return {
            "content": content_loss(features[self._config.content_layer], target),
            "style": style_loss(features, targets),
            "smoothness": total_variation(painted),
        }

    def _improve(self, losses: Mapping[str, Tensor]) -> None:
        weights = {
            "style": self._config.style_weight,
            "smoothness": self._config.smoothness_weight,
        }
        loss = sum(
            (weights.get(name, 1.0) * value for name, value in losses.items()), torch.zeros(())
        )
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()

    def sample_grid(self) -> Tensor:
        """Each sample content picture, followed by its painting in every style."""
        rows = []
        for image in self._samples.split(1):
            copies = image.expand(len(self._styles), -1, -1, -1)
            rows += [image, self.stylizer(copies, self.codes)]
        columns = len(self._styles) + 1
        pictures = torch.cat(rows)
        return make_grid(pictures, nrow=columns, padding=2, normalize=True, value_range=(-1, 1))

    def to_checkpoint(self) -> Checkpoint:
        """Network, codes, optimiser and random state."""
        tensors = prefixed("stylizer", self.stylizer.state_dict())
        tensors |= optimiser_tensors("optimiser", self._optimiser)
        tensors |= {"codes": self.codes.detach(), "random": self._random.get_state()}
        return Checkpoint(self._steps, {"config": dict(self.config)}, tensors)

    def restore(self, saved: Checkpoint) -> None:
        """Continue exactly where `saved` was made."""
        restore_module("stylizer", self.stylizer, saved.tensors)
        restore_optimiser("optimiser", self._optimiser, saved.tensors)
        with torch.no_grad():
            self.codes.copy_(saved.tensors["codes"])
        self._random.set_state(saved.tensors["random"])
        self._steps = saved.step
