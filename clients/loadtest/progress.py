"""What goes on, while it goes on: a live picture on a terminal, else a line for each window."""

from __future__ import annotations

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from loadtest import figures
from loadtest.measurement import Measurement
from loadtest.results import Run, Window
from loadtest.runner import Demand

_SHOWN_WINDOWS = 40
_BAR_CHARACTERS = 30


class Progress:
    """Shows runs on standard error.

    Args:
        console: where to.
        quiet: whether to show nothing.
    """

    def __init__(self, console: Console, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._live: Live | None = None
        self._said = 0

    def begin(self, demand: Demand, seconds: float | None, note: str) -> None:
        """A run begins."""
        self._title = figures.load(demand.load) + (f" ({note})" if note else "")
        self._seconds = seconds
        self._said = 0
        if self._quiet:
            return
        if self._console.is_terminal:
            self._live = Live(console=self._console, transient=True, auto_refresh=False)
            self._live.start()
        else:
            self._print(self._title)

    def update(self, measurement: Measurement) -> None:
        """Show what came so far."""
        if self._live is not None:
            self._live.update(self._picture(measurement), refresh=True)
        elif not self._quiet:
            for window in measurement.windows[self._said :]:
                end = window.start + window.seconds
                self._print(f"{end:7.1f} s  {line(window)}")
            self._said = max(self._said, len(measurement.windows))

    def end(self, run: Run) -> None:
        """A run is over."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        if not self._quiet:
            latency = run.latency
            parts = [
                f"{self._title}: {figures.per_second(run.throughput)}/s",
                f"p50 {figures.milliseconds(latency.percentiles['50'])} ms",
                f"p99 {figures.milliseconds(latency.percentiles['99'])} ms",
            ]
            if run.failed:
                parts.append(f"{sum(run.failed.values())} failed")
            self._print(", ".join(parts))

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _picture(self, measurement: Measurement) -> Group:
        now = measurement.now
        lines = [Text(self._title, style="bold"), Text(self._clock(now))]
        good = measurement.all.latency.count
        failed = sum(measurement.all.failed.values())
        lines.append(
            Text(
                f"answered {good}   failed {failed}   outstanding {measurement.outstanding}",
                style="red" if failed else "",
            )
        )
        windows = measurement.windows[-_SHOWN_WINDOWS:]
        if windows:
            lines.append(Text(f"last window: {line(windows[-1])}"))
            rates = [window.answered / window.seconds for window in windows]
            means = [window.mean or 0.0 for window in windows]
            lines.append(Text(f"throughput {figures.spark(rates)}"))
            lines.append(Text(f"latency    {figures.spark(means)}"))
        return Group(*lines)

    def _clock(self, now: float) -> str:
        if now < 0:
            return "warming up" if now > float("-inf") else "starting"
        if self._seconds is None:
            return f"{now:.0f} s, until it is stable"
        if now >= self._seconds:
            return f"{self._seconds:.0f} s are over; waiting for the last answers"
        full = int(now / self._seconds * _BAR_CHARACTERS)
        bar = "━" * full + "┄" * (_BAR_CHARACTERS - full)
        return f"{bar} {now:.0f} of {self._seconds:.0f} s"


def line(window: Window) -> str:
    """One window in words."""
    shown = [f"{figures.per_second(window.answered / window.seconds)}/s"]
    for name in ("50", "90", "99"):
        shown.append(f"p{name} {figures.milliseconds(window.percentiles[name])}")
    shown[-1] += " ms"
    if window.failed:
        shown.append(f"{sum(window.failed.values())} failed")
    return "  ".join(shown)
