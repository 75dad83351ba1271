"""The command `impasto`."""

from __future__ import annotations

import click

from impasto.cli.generate import generate
from impasto.cli.interpolate import interpolate
from impasto.cli.lists import models, styles
from impasto.cli.load import load
from impasto.cli.pictures import pictures
from impasto.cli.stylize import stylize


@click.group(context_settings={"show_default": True})
@click.version_option(package_name="impasto")
def main() -> None:
    """Generate and paint pictures on an Impasto server."""


for command in (generate, stylize, interpolate, models, styles, pictures, load):
    main.add_command(command)
