"""What tests of the studio ask a page."""

import time
from typing import Any

_PATIENCE_SECONDS = 20


def wait_until(page: Any, expression: str, arg: Any = None) -> None:
    """Wait until JavaScript is true.

    Playwright's own way compiles it within the page, which the page's policy forbids.
    """
    patience = time.monotonic() + _PATIENCE_SECONDS
    while not page.evaluate(expression, arg):
        assert time.monotonic() < patience, f"never {expression}"
        page.wait_for_timeout(20)
