"""`make export`: checkpoints to ONNX, checked against PyTorch, into the model repository."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import torch

from export.errors import ExportError
from export.models import OWN_SIZE, ExportedModel, gan_models, style_models
from export.onnx_file import write_onnx
from export.parity import check_parity
from export.repository import (
    VERSION,
    ensemble_config,
    model_config,
    new_entry,
    staged,
    style_code_of,
    write_config,
    write_ensemble,
)
from export.styles import write_style_table
from training.checkpoint import load_newest
from training.data.layout import DEFAULT_ROOT, DataLayout
from training.errors import TrainingError

_PARITY_SEED = 0


def export_all(
    gans: Sequence[Path], style: Path | None, repository: Path, layout: DataLayout
) -> None:
    """Export runs; every generator gets an ensemble that chains it with the stylizer.

    Args:
        gans: run folders of GANs.
        style: run folder of the stylizer; None leaves the repository's own in place.
        repository: where entries are written.
        layout: where the style encoder's trunk lies.

    Raises:
        ExportError: a checkpoint is of something else, or a file fails its parity check.
        TrainingError: a checkpoint is missing, or it or the encoder's trunk cannot be read.
    """
    torch.manual_seed(_PARITY_SEED)
    pairs = [gan_models(run, layout) for run in gans]
    models = [model for pair in pairs for model in pair]
    style_run = None if style is None else load_newest(style)
    if style_run is not None:
        models += style_models(style_run, layout)
        code = models[-2].inputs[1]
    else:
        code = style_code_of(repository)
    with staged(repository) as staging:
        for model in models:
            _fill(new_entry(staging, model.name), model)
        if style_run is not None:
            write_style_table(staging / "stylizer", style_run)
        for run, (generator, _) in zip(gans, pairs, strict=True):
            ensembles = [ensemble_config(run.name, generator, code)]
            if name := generator.parameters.get(OWN_SIZE):
                ensembles.append(ensemble_config(name, generator, code, "image"))
            for config in ensembles:
                write_ensemble(new_entry(staging, config.name), config)
    click.echo(f"{repository}: {', '.join(model.name for model in models)}")


def _fill(folder: Path, model: ExportedModel) -> None:
    file = folder / VERSION / "model.onnx"
    write_onnx(model, file)
    click.echo(f"{model.name}: {file.stat().st_size / 1e6:.1f} MB")
    for parity in check_parity(model, file):
        click.echo(
            f"  {parity.output}, batch {parity.batch}: maximum absolute error {parity.error:.1e}"
        )
    write_config(folder, model_config(model))


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option(
    "--gan",
    "gans",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Run folder of a GAN, once for each; its name becomes the model's.",
)
@click.option(
    "--style",
    type=click.Path(path_type=Path),
    help="Run folder of the stylizer; without it, the repository's stylizer stays.",
)
@click.option(
    "--repository",
    type=click.Path(path_type=Path),
    default=Path("model_repository"),
    help="Model repository to write.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=DEFAULT_ROOT,
    help="Folder that `make data` prepared; the style encoder's trunk lies there.",
)
def main(gans: Sequence[Path], style: Path | None, repository: Path, data: Path) -> None:
    """Entry point of `python -m export`."""
    if not gans and style is None:
        raise click.UsageError("nothing to export: give --gan RUN, --style RUN or both")
    try:
        export_all(gans, style, repository, DataLayout(data))
    except (ExportError, TrainingError) as error:
        click.echo(f"make export: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
