"""`make export`: checkpoints to ONNX, checked against PyTorch, into the model repository."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import torch

from export.errors import ExportError
from export.models import ExportedModel, gan_models, load_checkpoint, stylizer_model
from export.onnx_file import write_onnx
from export.parity import check_parity
from export.repository import (
    ENSEMBLE,
    VERSION,
    ensemble_config,
    model_config,
    new_entry,
    staged,
    write_config,
    write_ensemble,
    write_style_table,
)
from training.checkpoint import Checkpoint
from training.errors import TrainingError

_PARITY_SEED = 0


def export_all(gan: Path, style: Path, repository: Path) -> None:
    """Export both runs and write the ensemble that chains them.

    Raises:
        ExportError: a checkpoint is missing, or a file fails its parity check.
        CheckpointError: a checkpoint cannot be read.
    """
    torch.manual_seed(_PARITY_SEED)
    style_run = load_checkpoint(style)
    generator, discriminator = gan_models(load_checkpoint(gan))
    stylizer = stylizer_model(style_run)
    with staged(repository) as staging:
        for model in (generator, discriminator, stylizer):
            _fill(new_entry(staging, model.name), model, style_run)
        config = ensemble_config(generator.inputs[0].dims[0], stylizer.inputs[1].dims[0])
        write_ensemble(new_entry(staging, ENSEMBLE), config)
    click.echo(f"{repository}: generator, discriminator, stylizer and ensemble {ENSEMBLE}")


def _fill(folder: Path, model: ExportedModel, style_run: Checkpoint) -> None:
    file = folder / VERSION / "model.onnx"
    write_onnx(model, file)
    click.echo(f"{model.name}: {file.stat().st_size / 1e6:.1f} MB")
    for parity in check_parity(model, file):
        click.echo(
            f"  {parity.output}, batch {parity.batch}: maximum absolute error {parity.error:.1e}"
        )
    write_config(folder, model_config(model))
    if model.name == "stylizer":
        write_style_table(folder, style_run.state["config"]["styles"], style_run.tensors["codes"])


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option(
    "--gan",
    type=click.Path(path_type=Path),
    default=Path("runs/gan"),
    help="Run folder of the GAN.",
)
@click.option(
    "--style",
    type=click.Path(path_type=Path),
    default=Path("runs/style"),
    help="Run folder of the stylizer.",
)
@click.option(
    "--repository",
    type=click.Path(path_type=Path),
    default=Path("model_repository"),
    help="Model repository to write.",
)
def main(gan: Path, style: Path, repository: Path) -> None:
    """Entry point of `python -m export`."""
    try:
        export_all(gan, style, repository)
    except (ExportError, TrainingError) as error:
        click.echo(f"make export: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
