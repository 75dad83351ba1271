"""Why a bound cannot be judged."""

from __future__ import annotations

import re

from loadtest.percentiles import least_calls, tells
from loadtest.results import Run

_PERCENTILE = re.compile(r"\s*p(\d+(?:\.\d+)?)\s*<")


def reason(text: str, run: Run) -> str:
    """Why what an objective bounds could not be told of a run.

    Args:
        text: the objective's, such as "p99<50ms".
        run: that it is about.
    """
    found = _PERCENTILE.match(text)
    percent = float(found[1]) if found else None
    failed = sum(run.failed.values())
    if not run.sent:
        return "no call was made"
    if percent is not None and 0 < percent < 100 and not tells(percent, run.answered + failed):
        return f"too few calls (n={run.answered + failed:,}, needs {least_calls(percent):,})"
    if failed:
        return f"{failed:,} of {run.sent:,} calls failed, and are slower than any bound"
    return "no call was answered"
