"""The style table beside the stylizer, and what is needed to add a style to it.

`python -m export.styles runs/added/NAME` puts a style that `training.style.add` trained into the
table of a repository; the models stay as they are.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click
from torch import Tensor

from export.errors import ExportError
from training import checkpoint
from training.checkpoint import Checkpoint, load_newest
from training.data.paintings import PAINTINGS
from training.errors import TrainingError
from training.style.config import StyleConfig
from training.style.networks import Stylizer

STYLE_TABLE = "styles.json"


def write_style_table(folder: Path, saved: Checkpoint) -> None:
    """Write a style run's named styles and the identity code, and the run without its optimiser.

    With that checkpoint beside the model, styles can be added to what is served.
    """
    codes = saved.tensors["codes"]
    stylizer = Stylizer(StyleConfig.of(saved.state["config"]).shape)
    works = {painting.name: painting for painting in PAINTINGS}
    styles = [
        _entry(name, works[name].title, works[name].artist, code)
        for name, code in zip(saved.state["config"]["styles"], codes, strict=True)
    ]
    table = {
        "identity": _numbers(stylizer.identity_code(codes)),
        "colour": stylizer.code_size - 1,
        "styles": styles,
    }
    (folder / STYLE_TABLE).write_text(json.dumps(table) + "\n")
    kept = ("stylizer.", "head.", "codes")
    tensors = {name: value for name, value in saved.tensors.items() if name.startswith(kept)}
    checkpoint.save(folder, Checkpoint(saved.step, {"config": saved.state["config"]}, tensors))


def add_style(run: Path, stylizer: Path) -> str:
    """Put an added style into the table of a stylizer's entry; a style of its name is replaced.

    Returns:
        The style's name.

    Raises:
        ExportError: there is no such table, or the code is of another stylizer or of no style.
        CheckpointError: the style has no checkpoint, or it cannot be read.
    """
    saved = load_newest(run)
    about = saved.state["config"]
    if "code" not in saved.tensors:
        raise ExportError(f"{run}: expected an added style, got a checkpoint with {sorted(about)}")
    path = stylizer / STYLE_TABLE
    try:
        table = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ExportError(f"{path}: expected a style table: {error}") from error
    size, expected = len(saved.tensors["code"]), len(table["identity"])
    if size != expected:
        raise ExportError(
            f"{run}: its code has {size} numbers, the stylizer of {stylizer} takes {expected}; add "
            f"the style to that stylizer"
        )
    entry = _entry(about["name"], about["title"], about["artist"], saved.tensors["code"])
    others = [style for style in table["styles"] if style["name"] != entry["name"]]
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({**table, "styles": [*others, entry]}) + "\n")
    os.replace(partial, path)
    return str(about["name"])


def _entry(name: str, title: str, artist: str, code: Tensor) -> dict[str, Any]:
    return {"name": name, "title": title, "artist": artist, "code": _numbers(code)}


def _numbers(code: Tensor) -> list[float]:
    # Six digits are finer than a byte of any picture and keep the file readable.
    return [round(value, 6) for value in code.tolist()]


@click.command(help=__doc__, context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--stylizer",
    type=click.Path(path_type=Path),
    default=Path("model_repository/stylizer"),
    help="The stylizer's folder in the repository.",
)
def main(run: Path, stylizer: Path) -> None:
    """Entry point of `python -m export.styles`."""
    try:
        name = add_style(run, stylizer)
    except (ExportError, TrainingError) as error:
        click.echo(f"export: {error}", err=True)
        sys.exit(1)
    click.echo(f"{stylizer / STYLE_TABLE}: {name} is there; restart the server to serve it")


if __name__ == "__main__":
    main()
