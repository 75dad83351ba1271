"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click

from impasto.client import Client
from impasto.connection import DEFAULT_TARGET, DEFAULT_TIMEOUT_SECONDS, Credentials
from impasto.errors import ImpastoError
from impasto.options import Priority, Style

Command = TypeVar("Command", bound=Callable[..., Any])
Connect: TypeAlias = Callable[[], AbstractContextManager[Client]]
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
# What a server may want to see, and what it must show.
CREDENTIAL_OPTIONS = (
    click.option(
        "--api-key",
        default="",
        envvar="IMPASTO_API_KEY",
        show_envvar=True,
        help="Or a JSON Web Token, for servers that want one; rather in the environment.",
    ),
    click.option("--tls", is_flag=True, help="Talk TLS; the files below say so, too."),
    click.option("--ca", type=_FILE, help="PEM file of the certificates to trust."),
    click.option("--certificate", type=_FILE, help="PEM file to show to the server."),
    click.option("--key", type=_FILE, help="PEM file of its private key."),
)
SEED = click.IntRange(0, 2**64 - 1)


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How to reach the server; the command gets `connect`, which makes a client of it.

    The innermost decorator.
    """

    @functools.wraps(command)
    def connecting(
        target: str,
        timeout: float,
        api_key: str,
        tls: bool,
        ca: Path | None,
        certificate: Path | None,
        key: Path | None,
        **others: Any,
    ) -> Any:
        if (certificate is None) != (key is None):
            raise click.UsageError("--certificate and --key go together")
        tls = tls or ca is not None or certificate is not None
        credentials = Credentials(api_key, tls, ca, certificate, key)
        return command(connect=partial(_connected, target, timeout, credentials), **others)

    options = [
        click.option(
            "--target",
            default=DEFAULT_TARGET,
            envvar="IMPASTO_TARGET",
            show_envvar=True,
            help="The server's gRPC address.",
        ),
        click.option(
            "--timeout",
            type=float,
            default=DEFAULT_TIMEOUT_SECONDS,
            help="Seconds that the call may take.",
        ),
        *CREDENTIAL_OPTIONS,
    ]
    for option in reversed(options):
        connecting = option(connecting)
    return connecting


def style_options(command: Command) -> Command:
    """--style, --strength and --preserve-colour."""
    style = click.option(
        "--style",
        "styles",
        multiple=True,
        help="Style to paint in; several are mixed, NAME=WEIGHT each; a file's name is a picture "
        "whose style is taken. Absent: not painted.",
    )
    strength = click.option(
        "--strength", type=float, default=1.0, help="Style strength from 0 to 1."
    )
    colour = click.option("--preserve-colour", is_flag=True, help="Keep the picture's own colours.")
    return style(strength(colour(command)))


def model_options(command: Command) -> Command:
    """--model, --size and --label."""
    model = click.option("--model", default="", help="Model; absent: the server's default.")
    size = click.option(
        "--size",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        help="Longer side; 0: the model's own.",
    )
    label = click.option("--label", default="", help="Class to show, for models that know some.")
    return model(size(label(command)))


def delivery_options(command: Command) -> Command:
    """--store and --priority."""
    store = click.option(
        "--store", is_flag=True, help="Have the server keep a copy; see `impasto pictures`."
    )
    priority = click.option(
        "--priority",
        type=click.Choice([known.value for known in Priority]),
        default=Priority.NORMAL.value,
        help="Whom to overtake where others wait, too.",
    )
    return store(priority(command))


def encoding_options(command: Command) -> Command:
    """--quality and --content-credentials."""
    quality = click.option(
        "--quality", type=click.IntRange(1, 100), default=90, help="Of JPEG and WebP."
    )
    credentials = click.option(
        "--content-credentials", is_flag=True, help="Sign the files (C2PA), where the server can."
    )
    return quality(credentials(command))


def style_of(styles: tuple[str, ...]) -> Style:
    """What --style says: a name, a mix, or a picture.

    Raises:
        click.UsageError: a weight is no number, or pictures are mixed.
    """
    if not styles:
        return ""
    if any(_is_file(style) for style in styles):
        if len(styles) > 1:
            raise click.UsageError("--style: a picture cannot be mixed with other styles")
        return Path(styles[0]).read_bytes()
    if len(styles) == 1 and "=" not in styles[0]:
        return styles[0]
    return dict(_weighted(style) for style in styles)


def _is_file(style: str) -> bool:
    return "." in style and "=" not in style and Path(style).is_file()


def _weighted(style: str) -> tuple[str, float]:
    name, _, weight = style.partition("=")
    try:
        return name, float(weight or 1.0)
    except ValueError as error:
        raise click.UsageError(f"--style: expected NAME=WEIGHT, got {style!r}") from error


@contextmanager
def _connected(target: str, timeout: float, credentials: Credentials) -> Iterator[Client]:
    """A client; what goes wrong with the server or a file ends the command in one sentence."""
    try:
        with Client(target, timeout, credentials) as client:
            yield client
    except (ImpastoError, OSError) as error:
        raise click.ClickException(str(error)) from error
