"""`impasto models` and `impasto styles`."""

from __future__ import annotations

import click

from impasto.cli.options import Connect, server_options


@click.command()
@server_options
def models(connect: Connect) -> None:
    """List the models."""
    with connect() as client:
        found = client.models()
    for model in found:
        parts = [f"version {model.version}", f"{model.width}x{model.height}"]
        if model.is_default:
            parts.insert(0, "default")
        if model.classes:
            parts.append(f"classes: {', '.join(model.classes)}")
        click.echo(f"{model.name}\t{', '.join(parts)}")


@click.command()
@server_options
def styles(connect: Connect) -> None:
    """List the named styles."""
    with connect() as client:
        found = client.styles()
    for style in found:
        click.echo(f"{style.name}\t{style.title}, {style.artist}")
