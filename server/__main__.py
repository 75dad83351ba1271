"""Entry point: `python -m server --help`."""

from __future__ import annotations

import logging
import sys
from typing import NoReturn

import uvloop
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import CliApp

from server.app import Gateway
from server.errors import ImpastoError
from server.settings import Settings


def main() -> None:
    """Serve as the command line and the environment say; exit status 1 where that fails."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        uvloop.run(_serve(CliApp.run(Settings)))
    except ValidationError as error:
        _refuse("; ".join(_setting_fault(fault) for fault in error.errors()))
    except ImpastoError as error:
        _refuse(str(error))
    except KeyboardInterrupt:
        _refuse("interrupted while the models were loading")


def _refuse(reason: str) -> NoReturn:
    print(f"impasto: cannot start: {reason}", file=sys.stderr)  # noqa: T201
    sys.exit(1)


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
