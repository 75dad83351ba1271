"""Add a style to a trained stylizer: only its own normalisation parameters are trained.

Dumoulin et al., arXiv 1610.07629, section 3.2. The network stays as it is, so the other styles do;
the style encoder's reading of the picture is where the new code begins. `python -m export.styles`
puts the finished style into a repository.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor
from torchvision.utils import make_grid

from training.checkpoint import (
    Checkpoint,
    load_newest,
    optimiser_tensors,
    restore_module,
    restore_optimiser,
)
from training.data.crops import CropSampler
from training.data.layout import DEFAULT_ROOT, DataLayout
from training.errors import SettingsError, TrainingError
from training.pretrained.lite0 import load_lite0
from training.pretrained.vgg import PerceptualNetwork, load_perceptual
from training.run import Intervals, run
from training.runtime import start_runtime
from training.schedules import cosine
from training.style.config import StyleConfig
from training.style.content import content_crops, draw_content
from training.style.encoder import ENCODER_TAPS, StyleEncoder, StyleHead
from training.style.grain import Grain
from training.style.losses import measure_style
from training.style.networks import Stylizer
from training.style.pictures import load_style

_SAMPLES = 4
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True)
class AddedStyle:
    """The settings of one added style; stored in its checkpoints.

    Attributes:
        name: the style's name on the wire.
        title: the work's title.
        artist: who made it.
        steps: optimiser steps.
        batch: content pictures per step.
        learning_rate: Adam's, at the start; it falls to a tenth.
        seed: of the content crops.
    """

    name: str
    title: str
    artist: str
    steps: int
    batch: int = 4
    learning_rate: float = 5e-3
    seed: int = 0


class AddedStyleTrainer:
    """Trains one style code against a frozen stylizer.

    Args:
        settings: the style's.
        trained: the stylizer's settings.
        stylizer: stays as it is.
        code: where the new code begins, [code_size].
        grams: the style picture's Gram matrices.
        content: where content crops come from.
        perceptual: judges.
    """

    def __init__(
        self,
        settings: AddedStyle,
        trained: StyleConfig,
        stylizer: Stylizer,
        code: Tensor,
        grams: Mapping[str, Tensor],
        content: CropSampler,
        perceptual: PerceptualNetwork,
    ) -> None:
        """Build the optimiser."""
        self._settings = settings
        self._objective = trained.objective
        self._stylizer = stylizer.requires_grad_(False)
        self._perceptual = perceptual
        self._content = content
        self._grams = {name: gram.expand(settings.batch, -1, -1) for name, gram in grams.items()}
        self._random = torch.Generator().manual_seed(settings.seed)
        self.code = torch.nn.Parameter(code.clone())
        trained_part = stylizer.trained_part()
        self.code.register_hook(lambda gradient: gradient * trained_part)
        self._optimiser = torch.optim.Adam([self.code], lr=0.0)
        self._steps = 0

    @property
    def config(self) -> Mapping[str, Any]:
        """The style's settings."""
        return asdict(self._settings)

    @property
    def steps_done(self) -> int:
        """Optimiser steps done so far."""
        return self._steps

    @property
    def steps_total(self) -> int:
        """Optimiser steps of the whole training."""
        return self._settings.steps

    @property
    def pictures_per_step(self) -> int:
        """The batch size."""
        return self._settings.batch

    def step(self) -> dict[str, float]:
        """Paint one batch and improve the code."""
        rate = self._settings.learning_rate
        progress = self._steps / self._settings.steps
        self._optimiser.param_groups[0]["lr"] = cosine(rate, rate / 10, progress)
        image = draw_content(self._content, self._settings.batch, self._random)
        codes = self.code.expand(len(image), -1)
        painted = self._stylizer(image, codes, Grain.draw_place(self._random))
        content = self._objective.content_features(self._perceptual, image)
        terms = self._objective.judge(self._perceptual, painted, content, self._grams)
        self._optimiser.zero_grad(set_to_none=True)
        self._objective.total(terms).backward()
        self._optimiser.step()
        self._steps += 1
        return {name: value.item() for name, value in terms.items()}

    def alarms(self) -> Sequence[str]:
        """None."""
        return ()

    def evaluate(self) -> Mapping[str, float]:
        """None."""
        return {}

    def sample_grid(self) -> Tensor:
        """Content crops that never change, above their paintings."""
        fixed = torch.Generator().manual_seed(0)
        image = self._content.draw(_SAMPLES, fixed)
        painted = self._stylizer(image, self.code.expand(_SAMPLES, -1))
        pictures = torch.cat([image, painted])
        return make_grid(pictures, nrow=_SAMPLES, normalize=True, value_range=(-1, 1))

    def to_checkpoint(self) -> Checkpoint:
        """Code, optimiser and random state."""
        tensors = optimiser_tensors("optimiser", self._optimiser)
        tensors |= {"code": self.code.detach(), "random": self._random.get_state()}
        return Checkpoint(self._steps, {"config": dict(self.config)}, tensors)

    def restore(self, saved: Checkpoint) -> None:
        """Continue exactly where `saved` was made."""
        restore_optimiser("optimiser", self._optimiser, saved.tensors)
        with torch.no_grad():
            self.code.copy_(saved.tensors["code"])
        self._random.set_state(saved.tensors["random"])
        self._steps = saved.step


def build(
    settings: AddedStyle, picture: Path, trained_in: Path, layout: DataLayout
) -> AddedStyleTrainer:
    """Load the trained stylizer, its encoder and the picture, and build the trainer.

    Raises:
        TrainingError: the picture or the run is not what was expected.
    """
    saved = load_newest(trained_in)
    known = saved.state["config"]["styles"]
    if not _NAME.fullmatch(settings.name) or settings.name in known:
        raise SettingsError(
            f"--name: expected lower-case letters, digits and underscores, and none of "
            f"{', '.join(known)}; got {settings.name!r}"
        )
    trained = StyleConfig.of(saved.state["config"])
    style = load_style(picture, trained.style_side, trained.crop)
    stylizer = Stylizer(trained.shape)
    restore_module("stylizer", stylizer, saved.tensors)
    head = StyleHead(stylizer.trained_part())
    restore_module("head", head, saved.tensors)
    perceptual = load_perceptual(trained.perceptual, layout, trained.objective.layers)
    with torch.no_grad():
        code = StyleEncoder(load_lite0(layout, ENCODER_TAPS), head)(style)[0]
    return AddedStyleTrainer(
        settings,
        trained,
        stylizer,
        code,
        measure_style(perceptual, style, trained.objective.layer_weights),
        content_crops(layout, trained.crop)[0],
        perceptual,
    )


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--picture", type=click.Path(path_type=Path), required=True)
@click.option("--name", required=True, help="The style's name on the wire.")
@click.option("--title", default="", help="The work's title, for credits.")
@click.option("--artist", default="", help="Who made it, for credits.")
@click.option(
    "--stylizer",
    type=click.Path(path_type=Path),
    default=Path("model_repository/stylizer"),
    help="Folder with a stylizer's checkpoint: of a repository, or of a run.",
)
@click.option("--run", "folder", type=click.Path(path_type=Path), help="Default: runs/added/NAME.")
@click.option("--data", type=click.Path(path_type=Path), default=DEFAULT_ROOT)
@click.option("--steps", type=click.IntRange(1), default=300)
def main(
    picture: Path,
    name: str,
    title: str,
    artist: str,
    stylizer: Path,
    folder: Path | None,
    data: Path,
    steps: int,
) -> None:
    """Entry point of `python -m training.style.add`."""
    settings = AddedStyle(name, title, artist, steps)
    intervals = Intervals(log=10, sample=100, save=50)
    folder = folder or Path("runs/added") / name
    try:
        with closing(start_runtime(device="cpu")) as runtime:
            trainer = build(settings, picture, stylizer, DataLayout(data))
            finished = run(trainer, folder, intervals, runtime)
    except TrainingError as error:
        click.echo(f"add style: {error}", err=True)
        sys.exit(1)
    if not finished:
        sys.exit(130)


if __name__ == "__main__":
    main()
