"""`impasto load`, whose libraries come with an extra of their own."""

from __future__ import annotations

from typing import Any

import click


class _NotInstalled(click.ClickException):
    """Exits as the load tester does when a test cannot be done."""

    exit_code = 3


class _Load(click.Command):
    """Stands for the load tester until somebody uses it."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """The load tester's own context.

        Raises:
            click.ClickException: it is not installed.
        """
        try:
            from loadtest.command import load as real  # noqa: PLC0415 - of an extra
        except ModuleNotFoundError as error:
            raise _NotInstalled(
                f"the load tester needs {error.name}, which is not installed; "
                "pip install 'impasto[load]'"
            ) from error
        return real.make_context(info_name, args, parent, **extra)


load = _Load("load", short_help="Put a load on a server and tell what its callers see.")
