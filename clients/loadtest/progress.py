"""What goes on, while it goes on: a live picture on a terminal, else a line for each window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from loadtest import figures
from loadtest.demand import Demand
from loadtest.measurement import Measurement
from loadtest.results import Run, Window

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
            self._print_windows(measurement.windows)

    def stopping(self, outstanding: int) -> None:
        """The user ends the run early."""
        if not self._quiet:
            self._print(f"stopping; {outstanding} calls are waited for; Ctrl-C again ends at once")

    def end(self, run: Run) -> None:
        """A run is over."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        elif not self._quiet:
            self._print_windows(run.windows)
        if not self._quiet:
            rate, told = figures.per_second(run.throughput), run.latency.percentiles
            self._print("  ".join([f"{self._title}: {rate}/s", *_rest(told, run.failed)]))

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _print_windows(self, windows: Sequence[Window]) -> None:
        for window in windows[self._said :]:
            self._print(f"{window.start + window.seconds:7.1f} s  {line(window)}")
        self._said = max(self._said, len(windows))

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
    rate = figures.per_second(window.answered / window.seconds)
    return "  ".join([f"{rate}/s", *_rest(window.percentiles, window.failed)])


def _rest(percentiles: Mapping[str, float | None], failed: Mapping[str, int]) -> list[str]:
    """The percentiles that can be told, and how many calls failed."""
    shown = [
        f"p{name} {figures.milliseconds(value)} ms"
        for name in ("50", "90", "99")
        if (value := percentiles[name]) is not None
    ]
    return [*shown, f"{sum(failed.values())} failed"] if failed else shown
