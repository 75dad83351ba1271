"""The classroom GAN against the best recipe: same data, same wall time, all cores.

Trains both on Fashion-MNIST, one after the other, stops each after the same time, and measures them
in the features of the classifier of `training.metrics.classifier` (train that first). A run that is
there already is not trained again; nothing else may run meanwhile.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from benchmarks.machine import describe
from benchmarks.tables import table, write_report
from training.checkpoint import load_newest, restore_module
from training.data.layout import DataLayout
from training.data.sets import load_set
from training.gan.networks.build import generator_of
from training.gan.quality import Quality
from training.metrics.classifier import DEFAULT_RUN
from training.metrics.features import choose_features
from training.runtime import start_runtime

_SAMPLES = 10_000
_WATCHED = [
    *("--metric-features", "fashion", "--metric-samples", "5000"),
    *("--evaluate-every", "100000"),
]
RECIPES: Mapping[str, list[str]] = {
    "fashion-mlp": ["--recipe", "seed", "--pictures", "6000000", "--watch-every", "2000"],
    "fashion": [
        *("--data-set", "fashion", "--resolution", "32", "--conditional", "True"),
        *("--generator-width", "24", "--discriminator-width", "24", "--batch", "64"),
        *("--pictures", "420000", "--learning-rate", "4e-4", "--discriminator-rate", "1"),
        *("--gamma", "0.1", "--gamma-end", "0.01", "--penalty-every", "8"),
    ],
}


def train(run: Path, flags: list[str], seconds: int) -> None:
    """Train one run and interrupt it, as Ctrl-C does, when the time is over."""
    if run.exists():
        return
    command = [sys.executable, "-m", "training.gan", "--run", str(run)]
    process = subprocess.Popen([*command, *_WATCHED, *flags])
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait()


def measure(run: Path, layout: DataLayout) -> tuple[dict[str, float], int, float]:
    """Distances of a run's averaged generator, pictures trained on, and seconds that took."""
    saved = load_newest(run)
    config = saved.state["config"]
    data = load_set("fashion", config["resolution"], layout, download=False)
    generator = generator_of(config)
    restore_module("average", generator, saved.tensors)
    extractor = choose_features("fashion", "fashion", _SAMPLES, layout)
    device = start_runtime(device="cpu").device
    quality = Quality(
        data, config["latent_size"], config["conditional"], extractor, _SAMPLES, device
    )
    entries = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    seconds = max(entry.get("seconds", 0.0) for entry in entries)
    return dict(quality.distances(generator.eval())), saved.step * config["batch"], seconds


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--seconds", default=900, help="Wall time of each training.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"))
def main(seconds: int, runs: Path) -> None:
    """Train, measure, write the table."""
    layout = DataLayout()
    for name, flags in RECIPES.items():
        train(runs / name, flags, seconds)
    measured = {name: measure(runs / name, layout) for name in RECIPES}
    reached = load_newest(DEFAULT_RUN).state["test_accuracy"]
    worst = measured["fashion-mlp"][0]
    rows = []
    for name, (values, pictures, took) in measured.items():
        ratios = {key: worst[key] / value for key, value in values.items()}
        distances = [f"{value:.2f} (÷{ratios[key]:.2f})" for key, value in values.items()]
        rows.append([name, f"{took:.0f} s", f"{pictures:,}", *distances])
    head = ["run", "wall time", "pictures", "fd_fashion", "kd_fashion (x1000)"]
    commands = "\n".join(
        f"- {name}: `python -m training.gan {' '.join(flags)}`" for name, flags in RECIPES.items()
    )
    note = (
        f"{_SAMPLES:,} generated against {_SAMPLES:,} real pictures, in the 64 features of a "
        f"classifier with {reached:.2%} accuracy on the test pictures. Smaller is better; in "
        f"brackets, how many times smaller than the classroom GAN's."
    )
    command = f"python -m benchmarks.fashion --seconds {seconds}"
    write_report("fashion", command, describe(), table(head, rows), note, commands)


if __name__ == "__main__":
    main()
