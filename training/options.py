"""The command line of a trainer: the loop's options, and one option per field of its config."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click
import torch

from training.data.layout import DEFAULT_ROOT, DataLayout
from training.errors import TrainingError
from training.run import Intervals, Trainer, run

# Exit status of a process that Ctrl-C ended, by convention 128 + SIGINT.
_INTERRUPTED = 130

Config = TypeVar("Config")


def training_command(
    help_text: str | None,
    config_class: type[Config],
    build: Callable[[Config, DataLayout], Trainer],
    default_run: Path,
) -> click.Command:
    """The command that trains what `build` makes of a config and the prepared data.

    It exits with 1 on a training error and with 130 when it was interrupted.
    """

    def command(
        folder: Path,
        data: Path,
        threads: int | None,
        sample_every: int,
        save_every: int,
        **options: Any,
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        # Denormal numbers make CPU arithmetic many times slower and matter to no gradient.
        torch.set_flush_denormal(True)
        try:
            trainer = build(config_class(**options), DataLayout(data))
            finished = run(trainer, folder, Intervals(sample=sample_every, save=save_every))
        except TrainingError as error:
            click.echo(f"training: {error}", err=True)
            sys.exit(1)
        if not finished:
            sys.exit(_INTERRUPTED)

    return click.Command(
        None,
        callback=command,
        help=help_text,
        params=[*_loop_options(default_run), *_config_options(config_class)],
        context_settings={"show_default": True},
    )


def _loop_options(default_run: Path) -> list[click.Parameter]:
    path = click.Path(path_type=Path)
    return [
        click.Option(
            ["--run", "folder"],
            type=path,
            default=default_run,
            help="Folder of checkpoints, samples and log; resumed where it has any.",
        ),
        click.Option(
            ["--data"], type=path, default=DEFAULT_ROOT, help="Folder that `make data` prepared."
        ),
        click.Option(
            ["--threads"], type=click.IntRange(1), help="CPU threads; default: all cores."
        ),
        click.Option(
            ["--sample-every"],
            type=click.IntRange(1),
            default=Intervals.sample,
            help="Steps between sample grids.",
        ),
        click.Option(
            ["--save-every"],
            type=click.IntRange(1),
            default=Intervals.save,
            help="Steps between checkpoints.",
        ),
    ]


def _config_options(config_class: type[Any]) -> list[click.Parameter]:
    return [
        click.Option(
            ["--" + field.name.replace("_", "-")], type=type(field.default), default=field.default
        )
        for field in fields(config_class)
    ]
