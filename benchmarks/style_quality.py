"""`make style-quality`: how far the stylizer comes, counted in iterations of the optimiser.

Johnson et al., arXiv 1603.08155, figure 5: for content that training never saw, the feed-forward
network's loss is compared with that of Gatys' optimisation, started from noise, iteration by
iteration. Paintings that training never saw go through the style encoder.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from PIL import ImageOps
from torch import Tensor
from torchvision.utils import make_grid, save_image
from tqdm import tqdm

from benchmarks.committed import median_seconds, session
from benchmarks.machine import describe
from benchmarks.processes import REPOSITORY
from benchmarks.tables import RESULTS, table, write_report
from training.data.images import find_pictures, open_rgb, pixels_of, to_unit_range
from training.data.layout import DataLayout, require
from training.pretrained.vgg import load_perceptual
from training.style.config import StyleConfig
from training.style.gatys import optimise
from training.style.losses import measure_style
from training.style.pictures import load_style

_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
_TIMED_RUNS = 20
_CONTENTS = ("bison", "moose")


class CommittedStylizer:
    """The repository's stylizer, style encoder and style table, on onnxruntime."""

    def __init__(self) -> None:
        """Load all three."""
        self._stylizer = session("stylizer")
        self._encoder = session("style_encoder")
        styles = json.loads((REPOSITORY / "stylizer/styles.json").read_text())
        self.identity = np.array(styles["identity"], np.float32)
        self.codes = {
            style["name"]: np.array(style["code"], np.float32) for style in styles["styles"]
        }

    def paint(self, image: Tensor, code: np.ndarray) -> Tensor:
        """A picture [1, 3, H, W] in [-1, 1], painted."""
        feeds = {"image": image.numpy(), "style_code": code[None]}
        (pixels,) = self._stylizer.run(["pixels"], feeds)
        return to_unit_range(torch.from_numpy(pixels).permute(0, 3, 1, 2))

    def encode(self, image: Tensor) -> np.ndarray:
        """The style code of a picture [1, 3, H, W]."""
        code: np.ndarray = self._encoder.run(["style_code"], {"image": image.numpy()})[0][0]
        return code

    def seconds(self, image: Tensor, code: np.ndarray) -> float:
        """Median time to paint one picture."""
        return median_seconds(lambda: self.paint(image, code), _TIMED_RUNS)


@dataclass(frozen=True)
class Measured:
    """One style, means over the contents.

    Attributes:
        name: of the style.
        loss: weighted total of the painted pictures.
        style_losses: the style loss alone, by strength.
        iterations: after which the optimiser is as good; None: not within the limit.
        optimiser_seconds: time that those iterations took.
    """

    name: str
    loss: float
    style_losses: list[float]
    iterations: int | None
    optimiser_seconds: float

    @property
    def cells(self) -> list[str]:
        """The line of the table."""
        equal = "over the limit" if self.iterations is None else str(self.iterations)
        falls = " → ".join(f"{value:.2f}" for value in self.style_losses)
        return [self.name, f"{self.loss:.3f}", falls, equal, f"{self.optimiser_seconds:.0f} s"]


class Examiner:
    """Measures styles against the optimiser.

    Args:
        layout: where paintings, unseen photographs and the perceptual network lie.
        side: of the content in pixels.
        limit: iterations after which the optimiser is stopped.
    """

    def __init__(self, layout: DataLayout, side: int, limit: int) -> None:
        """Load everything."""
        self._config = StyleConfig()
        self._objective = self._config.objective
        self._perceptual = load_perceptual("vgg16", layout, self._objective.layers)
        self.stylizer = CommittedStylizer()
        paths = find_pictures([require(layout.unseen_photos, "photographs kept out of training")])
        chosen = [path for name in _CONTENTS for path in paths if name in path.name]
        assert len(chosen) == len(_CONTENTS), [path.name for path in paths]
        self.contents = [
            to_unit_range(pixels_of(ImageOps.fit(open_rgb(path), (side, side))))[None]
            for path in chosen
        ]
        self._limit = limit

    def measure(self, name: str, painting: Path, code: np.ndarray) -> Measured:
        """Paint the contents and let the optimiser run until it is as good."""
        style = load_style(painting, self._config.style_side, self._config.crop)
        grams = measure_style(self._perceptual, style, self._objective.layer_weights)
        losses, falls, iterations, seconds = [], [], [], []
        for content in self.contents:
            weights = [np.float32(strength) for strength in _STRENGTHS]
            codes = [(1 - w) * self.stylizer.identity + w * code for w in weights]
            judged = [self._judge(content, grams, mixed) for mixed in codes]
            losses.append(judged[-1][0])
            falls.append([style_loss for _, style_loss in judged])
            reached, took = self._catch_up(content, grams, losses[-1])
            iterations.append(reached)
            seconds.append(took)
        known = [reached for reached in iterations if reached is not None]
        return Measured(
            name,
            statistics.mean(losses),
            np.mean(falls, axis=0).tolist(),
            round(statistics.mean(known)) if len(known) == len(iterations) else None,
            statistics.mean(seconds),
        )

    def _judge(
        self, content: Tensor, grams: Mapping[str, Tensor], code: np.ndarray
    ) -> tuple[float, float]:
        painted = self.stylizer.paint(content, code)
        target = self._objective.content_features(self._perceptual, content)
        with torch.no_grad():
            terms = self._objective.judge(self._perceptual, painted, target, grams)
        return float(self._objective.total(terms)), float(terms["style"])

    def _catch_up(
        self, content: Tensor, grams: Mapping[str, Tensor], loss: float
    ) -> tuple[int | None, float]:
        started = time.perf_counter()
        for step in optimise(content, grams, self._objective, self._perceptual):
            if step.loss <= loss:
                return step.iteration, time.perf_counter() - started
            if step.iteration == self._limit:
                break
        return None, time.perf_counter() - started


def unseen_sheet(examiner: Examiner, paintings: list[Path], path: Path) -> None:
    """Write a sheet: every unseen painting, then the contents painted as the encoder read it."""
    side = examiner.contents[0].shape[-1]
    rows = []
    for painting in paintings:
        style = to_unit_range(pixels_of(ImageOps.fit(open_rgb(painting), (side, side))))[None]
        code = examiner.stylizer.encode(load_style(painting, 288, 128))
        rows += [style, *(examiner.stylizer.paint(image, code) for image in examiner.contents)]
    head = [torch.ones_like(examiner.contents[0]), *examiner.contents]
    pictures = torch.cat([*head, *rows])
    grid = make_grid(pictures, nrow=len(head), padding=4, pad_value=1.0, normalize=True)
    save_image(grid, path)


def _jobs(examiner: Examiner, layout: DataLayout) -> Iterator[tuple[str, Path, np.ndarray]]:
    for name, code in examiner.stylizer.codes.items():
        yield name, layout.paintings / f"{name}.png", code
    for path in find_pictures([layout.unseen_paintings]):
        code = examiner.stylizer.encode(load_style(path, 288, 128))
        yield f"*{path.stem}* (unseen, encoder)", path, code


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--side", default=128, help="Of the content in pixels.")
@click.option("--limit", default=100, help="Iterations after which the optimiser is stopped.")
def main(side: int, limit: int) -> None:
    """Measure every style."""
    layout = DataLayout()
    examiner = Examiner(layout, side, limit)
    measured = [examiner.measure(*job) for job in tqdm(list(_jobs(examiner, layout)))]
    unseen_sheet(examiner, find_pictures([layout.unseen_paintings]), RESULTS / "unseen-styles.png")
    code = next(iter(examiner.stylizer.codes.values()))
    feed_forward = examiner.stylizer.seconds(examiner.contents[0], code)
    plain = [
        (examiner.stylizer.paint(image, examiner.stylizer.identity) - image).abs().mean() * 127.5
        for image in examiner.contents
    ]
    named = [row for row in measured if "encoder" not in row.name]
    reached = [row.iterations for row in named if row.iterations is not None]
    seconds = statistics.median(row.optimiser_seconds for row in named)
    summary = (
        f"Named styles: median {statistics.median(reached):.0f} iterations "
        f"({len(reached)} of {len(named)} within {limit}). One picture of {side}x{side} takes the "
        f"stylizer {feed_forward * 1e3:.0f} ms and the optimiser {seconds:.0f} s to the same loss: "
        f"{seconds / feed_forward:,.0f} times as long. Strength 0 differs from the picture by "
        f"{max(plain):.2f} levels of 255 on average."
    )
    note = (
        "Loss: content + 6 x style + 0.05 x smoothness, each relative to its target's energy, as "
        "in training. Style loss by strength: 0, 0.25, 0.5, 0.75, 1. Optimiser: L-BFGS from noise, "
        "the same losses. Contents: two photographs kept out of training."
    )
    head = ["style", "loss", "style loss by strength", "equals Gatys after", "which takes"]
    sheet = "Paintings that training never saw, through the encoder:\n\n![](unseen-styles.png)"
    write_report(
        "style-quality",
        "make style-quality",
        describe(),
        summary,
        table(head, [row.cells for row in measured]),
        note,
        sheet,
    )


if __name__ == "__main__":
    main()
