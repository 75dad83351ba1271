"""Which shape of stylizer: loss against latency, every shape trained alike.

Each shape learns the same few styles for the same number of pictures from the same seed, is
exported, and is judged on photographs that training never saw. Runs of `training.style` that are
named, and the committed stylizer, are judged in all their styles.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click
import numpy as np
import onnxruntime as ort
import torch
from PIL import ImageOps
from torch import Tensor

from benchmarks.committed import median_seconds
from benchmarks.machine import describe
from benchmarks.processes import REPOSITORY
from benchmarks.tables import RESULTS, table, write_report
from export.models import stylizer_model
from export.onnx_file import write_onnx
from training.checkpoint import load_newest, restore_module
from training.data.images import find_pictures, open_rgb, pixels_of, to_unit_range
from training.data.layout import DataLayout
from training.pretrained.lite0 import load_lite0
from training.pretrained.vgg import load_perceptual
from training.style.config import StyleConfig
from training.style.content import content_crops
from training.style.encoder import ENCODER_TAPS
from training.style.losses import measure_style
from training.style.networks import Stylizer, StylizerShape
from training.style.pictures import load_style
from training.style.pool import measure
from training.style.trainer import StyleTrainer

STYLES = ("great_wave", "road_to_tarascon")
SHAPES: Mapping[str, StylizerShape] = {
    "16-32-64, 4 separable blocks, 5x5 ends": StylizerShape(16, 32, 64, 4, 5, separable=True),
    "16-32-64, 4 blocks, 5x5 ends": StylizerShape(16, 32, 64, 4, 5),
    "12-24-48, 4 separable blocks, 5x5 ends": StylizerShape(12, 24, 48, 4, 5, separable=True),
    "8-16-32, 3 blocks, 3x3 ends": StylizerShape(8, 16, 32, 3, 3),
    "24-48-96, 4 separable blocks, 5x5 ends": StylizerShape(24, 48, 96, 4, 5, separable=True),
    "12-24-48, 4 blocks, 5x5 ends": StylizerShape(12, 24, 48, 4, 5),
    "32-64-128, 5 blocks, 9x9 ends (Johnson)": StylizerShape(32, 64, 128, 5, 9),
}
_TIMED_RUNS = 30
_SIDE = 256
_JUDGED = 4


def trained(config: StyleConfig, layout: DataLayout) -> StyleTrainer:
    """A trainer that has done all its steps."""
    perceptual = load_perceptual(config.perceptual, layout, config.objective.layers)
    paintings = [
        load_style(layout.paintings / f"{name}.png", config.style_side, config.crop)
        for name in STYLES
    ]
    layers = list(config.objective.layer_weights)
    named = measure(paintings, perceptual, layers, load_lite0(layout, ENCODER_TAPS))
    content, _ = content_crops(layout, config.crop)
    trainer = StyleTrainer(
        config, STYLES, named, named, content, perceptual, samples=torch.empty(0)
    )
    while trainer.steps_done < trainer.steps_total:
        trainer.step()
    return trainer


def latency(stylizer: Stylizer) -> float:
    """Median seconds for one picture of 256x256 on onnxruntime with two threads."""
    model = stylizer_model(stylizer, {})
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(model, path)
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feeds = {
        "image": np.zeros((1, 3, _SIDE, _SIDE), np.float32),
        "style_code": stylizer.initial_codes(1).numpy(),
    }
    return median_seconds(lambda: session.run(None, feeds), _TIMED_RUNS)


@torch.no_grad()
def loss(trainer: StyleTrainer, contents: Tensor, layout: DataLayout, config: StyleConfig) -> float:
    """Mean objective over unseen contents and all styles."""
    perceptual = load_perceptual(config.perceptual, layout, config.objective.layers)
    target = config.objective.content_features(perceptual, contents)
    totals = []
    for index, code in enumerate(trainer.codes):
        painted = trainer.stylizer(contents, code.expand(len(contents), -1))
        grams = trainer.grams_of(index, len(contents))
        terms = config.objective.judge(perceptual, painted, target, grams)
        totals.append(float(config.objective.total(terms)))
    return statistics.mean(totals)


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--steps", default=100, help="Optimiser steps of every shape.")
@click.option("--crop", default=96, help="Side of the content crops.")
@click.option(
    "--run",
    "runs",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Run folder of a stylizer that was trained for longer.",
)
def main(steps: int, crop: int, runs: Sequence[Path]) -> None:
    """Train what is not trained yet, measure latencies, write the tables."""
    layout = DataLayout()
    base = StyleConfig(steps=steps, warmup_steps=steps // 5, crop=crop, encoded=0)
    losses = _losses(base, layout)
    measured = [
        (name, Stylizer(shape), latency(Stylizer(shape)), losses[name])
        for name, shape in SHAPES.items()
    ]
    measured.sort(key=lambda row: row[2])
    rows = [
        [
            name,
            f"{sum(item.numel() for item in stylizer.parameters()) / 1e3:.0f} k",
            f"{seconds * 1e3:.1f} ms",
            f"{value:.3f}",
            "" if any(t <= seconds and v < value for _, _, t, v in measured) else "yes",
        ]
        for name, stylizer, seconds, value in measured
    ]
    head = ["shape", "weights", "latency", "loss", "none is faster and better"]
    note = (
        f"Trained for {steps * base.batch:,} crops of {crop} pixels on {' and '.join(STYLES)}; "
        f"loss (as in training) on {_JUDGED} photographs of {_SIDE}x{_SIDE} kept out of it. "
        f"Latency: median of {_TIMED_RUNS} runs on onnxruntime, two threads, {_SIDE}x{_SIDE}. "
        f"Short trainings favour small networks."
    )
    named = "".join(f" --run {run}" for run in runs)
    command = f"python -m benchmarks.stylizers --steps {steps} --crop {crop}{named}"
    longer = [_judged(run, layout) for run in (REPOSITORY / "stylizer", *runs)]
    head_longer = ["run", "shape", "steps", "latency", "loss", "content", "style"]
    note_longer = (
        "Trained for longer, in all fourteen styles and beside the style encoder: mean over the "
        "styles, same photographs. The first is the one that is served."
    )
    parts = [table(head, rows), note, table(head_longer, longer), note_longer]
    write_report("stylizers", command, describe(), *parts)


@torch.no_grad()
def _judged(run: Path, layout: DataLayout) -> list[str]:
    """A trained stylizer's row: what it is, how fast, how good in all its styles."""
    saved = load_newest(run)
    config = StyleConfig.of(saved.state["config"])
    stylizer = Stylizer(config.shape)
    restore_module("stylizer", stylizer, saved.tensors)
    objective, contents = config.objective, _contents(layout)
    perceptual = load_perceptual(config.perceptual, layout, objective.layers)
    target = objective.content_features(perceptual, contents)
    terms = []
    for name, code in zip(saved.state["config"]["styles"], saved.tensors["codes"], strict=True):
        path = layout.paintings / f"{name}.png"
        painting = load_style(path, config.style_side, config.crop)
        grams = {
            layer: gram.expand(len(contents), -1, -1)
            for layer, gram in measure_style(perceptual, painting, objective.layer_weights).items()
        }
        painted = stylizer(contents, code.expand(len(contents), -1))
        terms.append(objective.judge(perceptual, painted, target, grams))
    means = {key: torch.stack([term[key] for term in terms]).mean() for key in terms[0]}
    shape = config.shape
    kind = "separable blocks" if shape.separable else "blocks"
    return [
        run.name,
        f"{shape.outer}-{shape.middle}-{shape.inner}, {shape.residual_blocks} {kind}",
        f"{saved.step:,}",
        f"{1e3 * latency(stylizer):.1f} ms",
        f"{objective.total(means):.3f}",
        f"{means['content']:.3f}",
        f"{means['style']:.3f}",
    ]


def _losses(base: StyleConfig, layout: DataLayout) -> dict[str, float]:
    """Losses by shape; those of an earlier, interrupted run with the same settings are kept."""
    path = RESULTS / "stylizers.json"
    settings = {"steps": base.steps, "crop": base.crop}
    saved = json.loads(path.read_text()) if path.exists() else {}
    losses: dict[str, float] = saved["losses"] if saved.get("settings") == settings else {}
    for name, shape in SHAPES.items():
        if name in losses:
            continue
        config = replace(base, **asdict(shape))
        losses[name] = loss(trained(config, layout), _contents(layout), layout, config)
        click.echo(f"{name}: loss {losses[name]:.3f}", err=True)
        path.write_text(json.dumps({"settings": settings, "losses": losses}, indent=2) + "\n")
    return losses


def _contents(layout: DataLayout) -> Tensor:
    paths = find_pictures([layout.unseen_photos])[:_JUDGED]
    fitted = [pixels_of(ImageOps.fit(open_rgb(path), (_SIDE, _SIDE))) for path in paths]
    return to_unit_range(torch.stack(fitted))


if __name__ == "__main__":
    main()
