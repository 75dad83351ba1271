"""Entry point: `python -m server --help`."""

from __future__ import annotations

import sys

import uvloop
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import CliApp

from server.app import Gateway
from server.errors import ImpastoError
from server.logs import log_to_standard_error, refuse
from server.settings import Settings
from server.workers import serve_with_workers


def main() -> None:
    """Serve as the command line and the environment say; exit status 1 where that fails."""
    log_to_standard_error()
    try:
        settings = CliApp.run(Settings)
        if settings.workers > 1:
            sys.exit(serve_with_workers(settings))
        uvloop.run(_serve(settings))
    except ValidationError as error:
        refuse("; ".join(_setting_fault(fault) for fault in error.errors()))
    except ImpastoError as error:
        refuse(str(error))
    except KeyboardInterrupt:
        refuse("interrupted while the models were loading")


def _setting_fault(fault: ErrorDetails) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if not name:
        return fault["msg"]
    return f"{name} (IMPASTO_{name.upper()}): {fault['msg']}, got {fault['input']!r}"


async def _serve(settings: Settings) -> None:
    # Built inside the loop: a gRPC server belongs to the loop that it is created in.
    await Gateway(settings).run()


if __name__ == "__main__":
    main()
