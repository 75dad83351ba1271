"""The command line of a trainer: the loop's options, and one option per field of its config."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click
import torch

from training.data.layout import DEFAULT_ROOT, DataLayout
from training.errors import TrainingError
from training.run import Intervals, Trainer, run
from training.runtime import Runtime, start_runtime

# Exit status of a process that Ctrl-C ended, by convention 128 + SIGINT.
_INTERRUPTED = 130

Config = TypeVar("Config")
Recipes = Mapping[str, Mapping[str, Any]]


def training_command(
    help_text: str | None,
    config_class: type[Config],
    build: Callable[[Config, DataLayout, Runtime], Trainer],
    default_run: Path,
    recipes: Recipes | None = None,
) -> click.Command:
    """The command that trains what `build` makes of a config and the prepared data.

    It exits with 1 on a training error and with 130 when it was interrupted.

    Args:
        help_text: what the command does.
        config_class: its fields become options.
        build: makes the trainer.
        default_run: folder of the run.
        recipes: sets of defaults by name, chosen by `--recipe`.
    """

    def command(folder: Path, data: Path, threads: int | None, device: str, **rest: Any) -> None:
        rest.pop("recipe", None)
        intervals = {field.name: rest.pop(f"{field.name}_every") for field in fields(Intervals)}
        if threads is not None:
            torch.set_num_threads(threads)
        try:
            with closing(start_runtime(rest.get("precision", "fp32"), device)) as runtime:
                trainer = build(config_class(**rest), DataLayout(data), runtime)
                finished = run(trainer, folder, Intervals(**intervals), runtime)
        except TrainingError as error:
            click.echo(f"training: {error}", err=True)
            sys.exit(1)
        if not finished:
            sys.exit(_INTERRUPTED)

    recipe = [_recipe_option(recipes)] if recipes else []
    return click.Command(
        None,
        callback=command,
        help=help_text,
        params=[*recipe, *_loop_options(default_run), *_config_options(config_class)],
        context_settings={"show_default": True},
    )


def _recipe_option(recipes: Recipes) -> click.Option:
    def choose(context: click.Context, option: click.Parameter, name: str) -> str:
        # Defaults, not values: what else stands on the command line comes before the recipe.
        context.default_map = {**(context.default_map or {}), **recipes[name]}
        return name

    return click.Option(
        ["--recipe"],
        type=click.Choice(list(recipes)),
        default=next(iter(recipes)),
        is_eager=True,
        callback=choose,
        help="Set of defaults for the settings below.",
    )


def _loop_options(default_run: Path) -> list[click.Parameter]:
    path = click.Path(path_type=Path)
    named = [
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
        click.Option(["--device"], default="auto", help="auto, cpu or cuda."),
    ]
    helps = {
        "log": "Steps between lines of the log.",
        "sample": "Steps between sample grids.",
        "save": "Steps between checkpoints.",
        "evaluate": "Steps between distances to the real pictures.",
    }
    return [
        *named,
        *(
            click.Option(
                [f"--{field.name}-every"],
                type=click.IntRange(1),
                default=field.default,
                help=helps[field.name],
            )
            for field in fields(Intervals)
        ),
    ]


def _config_options(config_class: type[Any]) -> list[click.Parameter]:
    return [
        click.Option(
            ["--" + field.name.replace("_", "-")], type=type(field.default), default=field.default
        )
        for field in fields(config_class)
    ]
