"""How long an HTTP caller is willing to wait, said in a header of its request."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request

from server.engines.base import NEVER, Deadline
from server.errors import InvalidArgument

HEADER = "Request-Timeout"
_MOST_SECONDS = 3600
_EXPECTED = f"a number of seconds above 0, at most {_MOST_SECONDS}"
_NUMBER = re.compile(r"[0-9.eE+-]{1,32}")
PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "description": "Seconds after which the answer is of no use any more: work is given up then.",
    "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": _MOST_SECONDS},
}


def begin_deadline(request: Request) -> Deadline:
    """Let the request's time begin; without the header it never ends.

    Raises:
        InvalidArgument: the header is no positive number, or too large a one.
    """
    text = request.headers.get(HEADER)
    request.state.deadline = NEVER if text is None else Deadline.after(_seconds(text))
    return deadline_of(request)


def deadline_of(request: Request) -> Deadline:
    """When the caller stops waiting."""
    deadline: Deadline = request.state.deadline
    return deadline


def _seconds(text: str) -> float:
    try:
        seconds = float(text) if _NUMBER.fullmatch(text) else 0.0
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MOST_SECONDS:
        raise InvalidArgument(HEADER, _EXPECTED, repr(text))
    return seconds
