"""PromQL as panels ask it: for the chosen servers, over a window that fits the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_CHOSEN = 'job=~"$job", instance=~"$instance"'
QUANTILES = (0.5, 0.9, 0.99)


@dataclass(frozen=True)
class Query:
    """One query of a panel.

    Attributes:
        expr: PromQL with Grafana's variables.
        legend: of its series, `{{label}}` stands for a label's value.
        exemplar: whether single calls that were traced are shown, too.
        instant: whether only the latest value is wanted.
        format: how the answer is laid out.
    """

    expr: str
    legend: str = ""
    exemplar: bool = False
    instant: bool = False
    format: Literal["time_series", "heatmap", "table"] = "time_series"


def chosen(metric: str, matchers: str = "") -> str:
    """The metric's series of the chosen servers, and of these matchers."""
    return f"{metric}{{{_CHOSEN}{', ' + matchers if matchers else ''}}}"


def rate(metric: str, matchers: str = "") -> str:
    """How fast a counter of the chosen servers counts, per second."""
    return f"rate({chosen(metric, matchers)}[$__rate_interval])"


def total(expr: str, by: str = "") -> str:
    """The sum over series, by these labels."""
    return f"sum by ({by}) ({expr})" if by else f"sum({expr})"


def rates(metric: str, by: str = "", matchers: str = "") -> str:
    """The sum of rates."""
    return total(rate(metric, matchers), by)


def quantile(share: float, histogram: str, by: str = "", matchers: str = "") -> str:
    """A quantile of a histogram's observations."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rates(f'{histogram}_bucket', labels, matchers)})"


def quantiles(histogram: str, matchers: str = "") -> list[Query]:
    """The usual ones; the exemplars are those of the whole histogram, so one query brings them."""
    return [
        Query(
            quantile(share, histogram, "", matchers),
            f"p{share * 100:g}",
            exemplar=share == QUANTILES[-1],
        )
        for share in QUANTILES
    ]


def mean(histogram: str, by: str = "", matchers: str = "") -> str:
    """The mean of a histogram's observations; nothing where there were none."""
    counted = rates(f"{histogram}_count", by, matchers)
    return f"{rates(f'{histogram}_sum', by, matchers)} / ({counted} > 0)"


def share_of(part: str, whole: str) -> str:
    """A share; nothing of nothing."""
    return f"{part} / ({whole} > 0)"


def or_none(expr: str, anything: str) -> str:
    """Nought where there is no series yet, but where there is `anything`."""
    return f"({expr} or 0 * {anything})"
