"""Figures as people read them."""

from __future__ import annotations

from collections.abc import Mapping

from loadtest.percentiles import least_calls
from loadtest.results import Distribution, Load

_BARS = "▁▂▃▄▅▆▇█"


def milliseconds(seconds: float | None) -> str:
    """Without the unit, to three digits; a dash for none."""
    if seconds is None:
        return "-"
    value = seconds * 1e3
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def per_second(rate: float) -> str:
    """To three digits or more."""
    return f"{rate:.0f}" if rate >= 1000 else f"{rate:.1f}" if rate >= 10 else f"{rate:.2f}"


def load(load: Load) -> str:
    """What was done to the server."""
    if load.concurrency is not None:
        callers = "caller" if load.concurrency == 1 else "callers"
        return f"closed loop, {load.concurrency} {callers}"
    if load.arrivals == "trace":
        return f"trace, {per_second(load.rate or 0)} calls/s"
    return f"open loop, {per_second(load.rate or 0)} calls/s, {load.arrivals}"


def short_load(load: Load) -> str:
    """The same where the kind of loop is known."""
    if load.concurrency is not None:
        return "1 caller" if load.concurrency == 1 else f"{load.concurrency} callers"
    return f"{per_second(load.rate or 0)} calls/s"


def failures(failed: Mapping[str, int]) -> str:
    """How many calls ended how."""
    return ", ".join(f"{count} {code}" for code, count in sorted(failed.items())) or "none"


def too_few(latency: Distribution) -> str:
    """Which percentiles cannot be told, and why; empty where all can."""
    return ", ".join(
        f"p{name} needs {least_calls(float(name))}"
        for name, value in latency.percentiles.items()
        if value is None
    )


def spark(values: list[float]) -> str:
    """A line of bars from 0 to the greatest."""
    most = max(values, default=0.0)
    if most <= 0:
        return _BARS[0] * len(values)
    return "".join(_BARS[round(value / most * (len(_BARS) - 1))] for value in values)
