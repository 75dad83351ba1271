"""What the process says of itself."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import NoReturn

_log = logging.getLogger(__name__)


def log_to_standard_error() -> None:
    """Write log lines with their time."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for library in ("alembic", "httpx"):
        logging.getLogger(library).setLevel(logging.WARNING)


def log_lines(lines: Sequence[str]) -> None:
    """Log each."""
    for line in lines:
        _log.info("%s", line)


def refuse(reason: str) -> NoReturn:
    """Say why the server does not start, and exit with status 1."""
    print(f"impasto: cannot start: {reason}", file=sys.stderr)  # noqa: T201
    sys.exit(1)
