"""The kinds of panels, each with what all of its kind have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    FieldTextAlignment,
    GraphThresholdsStyleMode,
    HeatmapCellLayout,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DynamicConfigValue,
    MatcherConfig,
    Panel,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.monitoring.dashboards.queries import Query

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
HALF, THIRD, QUARTER, SIXTH = 12, 8, 6, 4
_TALL, _SHORT = 8, 4
_GREEN, _AMBER, _RED = "green", "orange", "red"


class _PanelBuilder(Protocol):
    """What every kind of panel has."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: DataSourceRef) -> Self: ...
    def with_target(self, target: Builder[Dataquery]) -> Self: ...
    def span(self, w: int) -> Self: ...
    def height(self, h: int) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def build(self) -> Panel: ...


_Kind = TypeVar("_Kind", bound=_PanelBuilder)


class Limits(dashboard.ThresholdsConfig):
    """Where green ends, and where red begins.

    Args:
        amber: from here on it is worth a look; None: green until red.
        red: from here on something must be done.
    """

    def __init__(self, red: float, amber: float | None = None) -> None:
        """Keep the steps."""
        super().__init__()
        middle = [] if amber is None else [Threshold(amber, _AMBER)]
        self.mode(ThresholdsMode.ABSOLUTE)
        self.steps([Threshold(None, _GREEN), *middle, Threshold(red, _RED)])


class Floor(dashboard.ThresholdsConfig):
    """The least that is right.

    Args:
        least: less is red.
    """

    def __init__(self, least: float) -> None:
        """Keep the steps."""
        super().__init__()
        self.mode(ThresholdsMode.ABSOLUTE)
        self.steps([Threshold(None, _RED), Threshold(least, _GREEN)])


def number(
    title: str,
    help_text: str,
    unit: str,
    query: Query,
    limits: dashboard.ThresholdsConfig | None = None,
) -> stat.Panel:
    """One number with its recent past behind it."""
    panel = _begun(stat.Panel(), title, help_text, unit, [query], SIXTH, _SHORT)
    panel.graph_mode(BigValueGraphMode.AREA).color_mode(BigValueColorMode.VALUE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    return panel.thresholds(limits or _plain())


def lines(
    title: str,
    help_text: str,
    unit: str,
    queries: Sequence[Query],
    width: int = HALF,
    limits: dashboard.ThresholdsConfig | None = None,
) -> timeseries.Panel:
    """Lines over time, their limits dashed, and a table of their latest and greatest values."""
    panel = _begun(timeseries.Panel(), title, help_text, unit, queries, width, _TALL)
    panel.line_width(1).fill_opacity(8).show_points(VisibilityMode.NEVER).axis_soft_min(0)
    panel.span_nulls(False).legend(_legend())
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)
    panel.tooltip(tooltip.sort(SortOrder.DESCENDING))
    if limits is not None:
        style = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        panel.thresholds_style(style)
    return panel.thresholds(limits or _plain())


def stacked(
    title: str, help_text: str, unit: str, queries: Sequence[Query], width: int = HALF
) -> timeseries.Panel:
    """Areas on top of each other: parts of a whole."""
    panel = lines(title, help_text, unit, queries, width)
    panel.fill_opacity(40).stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    return panel


def heat_map(
    title: str, help_text: str, unit: str, query: Query, width: int = HALF
) -> heatmap.Panel:
    """A histogram's buckets over time: how many observations each has, by colour."""
    panel = _begun(heatmap.Panel(), title, help_text, unit, [query], width, _TALL)
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges")
    colours.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5).steps(64).fill("dark-orange")
    panel.calculate(False).color(colours).cell_gap(1).cell_values(
        heatmap.CellValues().unit("short")
    )
    panel.rows_frame(heatmap.RowsHeatmapOptions().layout(HeatmapCellLayout.AUTO))
    panel.y_axis(heatmap.YAxisConfig().unit(unit)).filter_values(
        heatmap.FilterValueRange().le(1e-9)
    )
    panel.exemplars_color("rgba(31, 96, 196, 0.9)").show_legend().mode(TooltipDisplayMode.SINGLE)
    return panel.show_y_histogram().hide_from(common.HideSeriesConfig())


def listing(
    title: str, help_text: str, query: Query, columns: Sequence[str], width: int = HALF
) -> table.Panel:
    """The labels of series as a table.

    Args:
        title: of the panel.
        help_text: its description.
        query: an instant one.
        columns: the labels to show, in this order.
        width: of the panel.
    """
    panel = _begun(table.Panel(), title, help_text, "short", [query], width, _TALL)
    panel.align(FieldTextAlignment.AUTO).inspect(False)
    hidden = DynamicConfigValue("custom.hidden", True)
    others = MatcherConfig("byRegexp", f"^(?!({'|'.join(columns)})$).*")
    return panel.with_override(others, [hidden])


def on_the_right(unit: str) -> list[DynamicConfigValue]:
    """What gives a line an axis of its own."""
    axis = DynamicConfigValue("custom.axisPlacement", "right")
    return [DynamicConfigValue("unit", unit), axis]


def _begun(
    panel: _Kind,
    title: str,
    help_text: str,
    unit: str,
    queries: Sequence[Query],
    width: int,
    height: int,
) -> _Kind:
    panel.title(title).description(help_text).datasource(SOURCE)
    for index, query in enumerate(queries):
        panel.with_target(_target(query, chr(ord("A") + index)))
    return panel.span(width).height(height).unit(unit)


def _target(query: Query, ref_id: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(ref_id).datasource(SOURCE)
    target.legend_format(query.legend).exemplar(query.exemplar)
    target.format(PromQueryFormat(query.format))
    return target.instant() if query.instant else target.range()


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.TABLE).show_legend(True)
    legend.placement(LegendPlacement.BOTTOM).calcs(["lastNotNull", "mean", "max"])
    return legend.sort_by("Last *").sort_desc(True)


def _plain() -> dashboard.ThresholdsConfig:
    steps = [Threshold(None, _GREEN)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
