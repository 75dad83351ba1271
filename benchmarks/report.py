"""From repeated measurements to a table: medians, ranges and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

# MLPerf's early-stopping rule: a 99th percentile needs so many samples.
_P99_NEEDS = 459
_PERCENTILES = (1, 10, 25, 50, 75, 90)


@dataclass
class Row:
    """One line: what was measured, round by round.

    Attributes:
        name: what it is.
        limit: the row that its rate is compared with, or None.
        lone: the row that its median latency is compared with, or None.
        rates: pictures or calls per second, one per round.
        latencies: seconds, of all calls of all rounds.
    """

    name: str
    limit: str | None = None
    lone: str | None = None
    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.rates)

    @property
    def p50(self) -> float:
        """Median latency in milliseconds."""
        return statistics.median(self.latencies) * 1e3

    @property
    def p99(self) -> float | None:
        """99th percentile in milliseconds, where there are enough samples."""
        if len(self.latencies) < _P99_NEEDS:
            return None
        return sorted(self.latencies)[int(len(self.latencies) * 0.99)] * 1e3

    def summary(self) -> dict[str, Any]:
        """For machines: rates of the rounds, and the latencies' percentiles in milliseconds."""
        cuts = statistics.quantiles(self.latencies, n=100, method="inclusive")
        return {
            "name": self.name,
            "limit": self.limit,
            "rates": [round(rate, 3) for rate in self.rates],
            "calls": len(self.latencies),
            "latency_ms": {
                **{f"p{n}": round(cuts[n - 1] * 1e3, 3) for n in _PERCENTILES},
                "p99": None if self.p99 is None else round(self.p99, 3),
            },
        }


def table(rows: Sequence[Row], unit: str) -> str:
    """A markdown table; each ratio is the median of the rounds' ratios."""
    by_name = {row.name: row for row in rows}
    lines = [f"| | {unit}/s (range) | p50 ms | p99 ms | ÷ limit | p50 - raw |", "|---" * 6 + "|"]
    for row in rows:
        rate = f"{row.rate:.4g} ({min(row.rates):.4g} to {max(row.rates):.4g})"
        p99 = "-" if row.p99 is None else f"{row.p99:.3g}"
        ratio = _median_ratio(row.rates, by_name[row.limit].rates) if row.limit else "-"
        lone = by_name[row.lone] if row.lone else None
        over = f"{row.p50 - lone.p50:+.2f} ms (x{row.p50 / lone.p50:.3f})" if lone else "-"
        lines.append(f"| {row.name} | {rate} | {row.p50:.4g} | {p99} | {ratio} | {over} |")
    return "\n".join(lines)


def _median_ratio(rates: Iterable[float], limits: Iterable[float]) -> str:
    return f"{statistics.median(a / b for a, b in zip(rates, limits, strict=True)):.3f}"
