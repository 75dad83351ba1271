"""The load tester's exceptions."""

from __future__ import annotations


class LoadTestError(Exception):
    """The test could not be done: nobody answers, a worker died, a request is refused at once."""


class WrongUse(Exception):
    """What was asked for makes no sense; the message says what would."""
