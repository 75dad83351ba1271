"""Style transfer by optimising one picture: the reference for every feed-forward stylizer.

Gatys et al., arXiv 1508.06576. Slow, and as good as the losses allow. `python -m
training.style.gatys --content photo.jpg --style painting.jpg -o painted.png` paints one picture.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor
from torchvision.utils import save_image
from tqdm import tqdm

from training.data.layout import DEFAULT_ROOT, DataLayout
from training.errors import SettingsError, TrainingError
from training.pretrained.vgg import PerceptualNetwork, load_perceptual
from training.style.config import StyleConfig
from training.style.losses import Objective, measure_style
from training.style.pictures import load_style

METHODS = ("lbfgs", "adam")
STARTS = ("noise", "content")
_ADAM_RATE = 0.05
_LINE_SEARCH = 25
_NOISE = 0.2
_LEAST_SIDE = 32


@dataclass(frozen=True)
class Iterate:
    """The picture after some iterations.

    Attributes:
        iteration: 0 is the start.
        loss: the objective's total.
        picture: [1, 3, H, W] in [-1, 1].
    """

    iteration: int
    loss: float
    picture: Tensor


def optimise(
    content: Tensor,
    grams: Mapping[str, Tensor],
    objective: Objective,
    perceptual: PerceptualNetwork,
    method: str = "lbfgs",
    start: str = "noise",
) -> Iterator[Iterate]:
    """Improve a picture for ever; the caller stops.

    Args:
        content: the picture to paint, [1, 3, H, W] in [-1, 1].
        grams: Gram matrices of the style, [1, C, C] by layer.
        objective: what is minimised.
        perceptual: has at least the objective's layers.
        method: `lbfgs`, as Gatys, or `adam`.
        start: `noise`, or the `content` picture.

    Raises:
        SettingsError: there is no such method or start.
    """
    if method not in METHODS:
        raise SettingsError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if start not in STARTS:
        raise SettingsError(f"start: expected one of {', '.join(STARTS)}, got {start!r}")
    random = torch.Generator().manual_seed(0)
    noise = _NOISE * torch.randn(content.shape, generator=random)
    picture = (noise if start == "noise" else content.clone()).requires_grad_(True)
    target = objective.content_features(perceptual, content)
    # L-BFGS drops curvature below an absolute threshold, so gradients per pixel must not be tiny.
    scale = float(content.numel())

    def closure() -> Tensor:
        optimiser.zero_grad(set_to_none=True)
        loss = objective.total(objective.judge(perceptual, picture, target, grams))
        (scale * loss).backward()
        return scale * loss.detach()

    optimiser: torch.optim.Optimizer
    if method == "lbfgs":
        # One iteration a call, but as many looks along the line as it needs.
        optimiser = torch.optim.LBFGS(
            [picture], max_iter=1, max_eval=_LINE_SEARCH, line_search_fn="strong_wolfe"
        )
    else:
        optimiser = torch.optim.Adam([picture], lr=_ADAM_RATE)
    iteration = 0
    while True:
        # The loss that a step returns is that of the picture before it.
        before = picture.detach().clone()
        loss = float(optimiser.step(closure)) / scale
        yield Iterate(iteration, loss, before.clamp(-1.0, 1.0))
        iteration += 1
        with torch.no_grad():
            picture.clamp_(-1.0, 1.0)


_DEFAULTS = StyleConfig()


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--content", type=click.Path(path_type=Path), required=True)
@click.option("--style", type=click.Path(path_type=Path), required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--iterations", type=click.IntRange(1), default=200)
@click.option("--method", default="lbfgs", help="lbfgs or adam.")
@click.option("--start", default="noise", help="noise or content.")
@click.option("--side", type=click.IntRange(_LEAST_SIDE), default=256, help="Shorter side.")
@click.option("--data", type=click.Path(path_type=Path), default=DEFAULT_ROOT)
@click.option("--perceptual", default=_DEFAULTS.perceptual, help="vgg16 or vgg19.")
@click.option("--content-layer", default=_DEFAULTS.content_layer)
@click.option("--style-layers", default=_DEFAULTS.style_layers, help="LAYER=w_l,...")
@click.option("--alpha", "content_weight", default=_DEFAULTS.content_weight)
@click.option("--beta", "style_weight", default=_DEFAULTS.style_weight)
def main(
    content: Path,
    style: Path,
    output: Path,
    iterations: int,
    method: str,
    start: str,
    side: int,
    data: Path,
    **judged: Any,
) -> None:
    """Entry point of `python -m training.style.gatys`."""
    settings = StyleConfig(**judged)
    try:
        objective = settings.objective
        network = load_perceptual(settings.perceptual, DataLayout(data), objective.layers)
        pictures = [load_style(path, side, _LEAST_SIDE) for path in (content, style)]
        grams = measure_style(network, pictures[1], objective.layer_weights)
        steps = optimise(pictures[0], grams, objective, network, method, start)
        for _ in (bar := tqdm(range(iterations + 1))):
            newest = next(steps)
            bar.set_postfix(loss=f"{newest.loss:.4f}")
    except TrainingError as error:
        click.echo(f"gatys: {error}", err=True)
        sys.exit(1)
    save_image(newest.picture, output, normalize=True, value_range=(-1, 1))
    click.echo(f"{output}: loss {newest.loss:.4f} after {newest.iteration} iterations")


if __name__ == "__main__":
    main()
