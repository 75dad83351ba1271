"""The committed generators: grids of seeds that nobody picked, distances, nearest neighbours.

Reads the models from the repository and the training pictures that `make data` prepared. Writes
`model_repository/<name>.png` (seeds 0 to 63), `benchmarks/results/<name>-neighbours.png` (each
generated picture beside the nearest training crop) and the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor
from torchvision.utils import make_grid, save_image

from benchmarks.committed import session
from benchmarks.machine import describe
from benchmarks.processes import REPOSITORY
from benchmarks.tables import RESULTS, table, write_report
from server.generation.latents import latents
from training.data.layout import DataLayout
from training.data.sets import TrainingSet, load_set
from training.metrics.distances import mean_pairwise_distance
from training.metrics.features import FeatureExtractor, choose_features

GENERATORS = ("landscapes", "nebulae", "fashion")
_GRID = 64
_BATCH = 32
_NEIGHBOURS = 12
# Crops of every training picture that may be a neighbour.
_CROPS_EACH = 12
_MAX_CROPS = 6_000


@dataclass(frozen=True)
class CommittedGenerator:
    """One generator of the repository, on onnxruntime."""

    name: str

    def pictures(self, count: int) -> Tensor:
        """The pictures of seeds 0 to count - 1, [count, C, S, S] in [-1, 1]."""
        model = session(f"{self.name}_generator")
        shapes = {item.name: item.shape for item in model.get_inputs()}
        parts = []
        for first in range(0, count, _BATCH):
            seeds = range(first, min(first + _BATCH, count))
            feeds = {"latent": latents(list(seeds), shapes["latent"][1])}
            if "label" in shapes:
                classes = np.array(seeds) % shapes["label"][1]
                feeds["label"] = np.eye(shapes["label"][1], dtype=np.float32)[classes]
            parts.append(torch.from_numpy(model.run(["image"], feeds)[0]))
        return torch.cat(parts)


def nearest(pictures: Tensor, data: TrainingSet, extractor: FeatureExtractor) -> Tensor:
    """The training crop nearest to each picture, by features."""
    total = min(len(data.crops) * _CROPS_EACH, _MAX_CROPS)
    random = torch.Generator().manual_seed(0)
    best = torch.full((len(pictures),), torch.inf)
    found = torch.zeros_like(pictures)
    features = extractor(pictures)
    for crops in _crops(data, total, random):
        gaps, where = torch.cdist(features, extractor(crops)).min(dim=1)
        closer = gaps < best
        best[closer] = gaps[closer]
        found[closer] = crops[where[closer]]
    return found


def _crops(data: TrainingSet, total: int, random: torch.Generator) -> Iterator[Tensor]:
    for _ in range(0, total, _GRID):
        yield data.crops.draw(_GRID, random)


def report(name: str, samples: int, layout: DataLayout) -> list[str]:
    """Write one generator's pictures; return its line of the table."""
    generator = CommittedGenerator(name)
    made = generator.pictures(samples)
    data = load_set(name, made.shape[-1], layout, download=False)
    extractor = choose_features("auto", name, samples, layout)
    assert extractor is not None, "run `make data` first"
    columns = len(data.classes) or 8
    _save(made[: _GRID // columns * columns], columns, REPOSITORY / f"{name}.png")
    neighbours = nearest(made[:_NEIGHBOURS], data, extractor)
    pairs = torch.cat([made[:_NEIGHBOURS], neighbours])
    _save(pairs, _NEIGHBOURS, RESULTS / f"{name}-neighbours.png")
    random = torch.Generator().manual_seed(1)
    real = extractor.of_stream(_crops(data, samples, random))[:samples]
    fake = extractor(made)
    values = extractor.compare(real, fake)
    spread = mean_pairwise_distance(fake[:500]) / mean_pairwise_distance(real[:500])
    again = extractor.of_stream(_crops(data, samples, random))[:samples]
    floor = extractor.compare(real, again)
    return [
        name,
        f"{made.shape[-1]} px",
        f"{extractor.name} ({real.shape[1]})",
        f"{samples:,}",
        f"{values['frechet']:.3g}",
        f"{values['kernel']:.3g} ± {values['kernel_deviation']:.1g}",
        f"{floor['frechet']:.3g} / {floor['kernel']:.2g}",
        f"{spread:.0%}",
    ]


def _save(pictures: Tensor, columns: int, path: Path) -> None:
    grid = make_grid(
        pictures, nrow=columns, padding=1, pad_value=1.0, normalize=True, value_range=(-1, 1)
    )
    save_image(grid, path)


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--samples", default=1_280, help="Pictures per set that are compared.")
def main(samples: int) -> None:
    """Measure every generator."""
    rows = [report(name, samples, DataLayout()) for name in GENERATORS]
    head = [
        "generator",
        "size",
        "features",
        "samples",
        "fd",
        "kd (x1000)",
        "fd / kd of real against real",
        "diversity",
    ]
    note = (
        "fd and kd are Frechet and kernel distance in those features (lite0: pooled EfficientNet-"
        "Lite0; fashion: the classifier of `training.metrics.classifier`); they are not FID and "
        "KID, whose Inception features they do not use. Smaller is better; what two draws of real "
        "crops differ by is the floor. Diversity is the mean pairwise feature distance as a "
        "share of the real pictures'. Features are scaled to unit mean square of the real ones."
    )
    sheets = "\n\n".join(
        f"**{name}**: seeds 0 to {_NEIGHBOURS - 1} above, below each the nearest of up to "
        f"{_MAX_CROPS:,} training crops.\n\n![{name}]({name}-neighbours.png)"
        for name in GENERATORS
    )
    command = f"python -m benchmarks.generators --samples {samples}"
    write_report("generators", command, describe(), table(head, rows), note, sheets)


if __name__ == "__main__":
    main()
