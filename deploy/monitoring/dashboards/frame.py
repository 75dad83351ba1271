"""What every dashboard has: its name, its variables, the way to the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    Panel,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from deploy.monitoring.dashboards.panels import SOURCE

_TAG = "impasto"
_ALL = VariableOption(selected=True, text=["All"], value=["$__all"])


@dataclass(frozen=True)
class Row:
    """Panels under a heading.

    Attributes:
        title: the heading.
        panels: from left to right, in lines of 24 columns.
    """

    title: str
    panels: Sequence[Builder[Panel]]


def framed(
    uid: str,
    title: str,
    description: str,
    rows: Sequence[Row],
    variables: Sequence[Builder[VariableModel]] = (),
) -> Dashboard:
    """A whole dashboard.

    Args:
        uid: for ever the same, so that links to it last.
        title: what it is called.
        description: whom it is for.
        rows: its panels.
        variables: its own, beside those that all have.
    """
    board = dashboard.Dashboard(f"Impasto: {title}").uid(uid).description(description)
    board.tags([_TAG]).editable().timezone("browser").refresh("10s").time("now-30m", "now")
    board.tooltip(DashboardCursorSync.CROSSHAIR).variables([*_common_variables(), *variables])
    board.link(_way_to_the_others()).annotation(_alerts())
    number = 0
    for row in rows:
        number += 1
        board.with_row(dashboard.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            board.with_panel(_Numbered(panel, number))
    return board.build()


class _Numbered(Builder[Panel]):
    """A panel with a number that is the same every time it is made."""

    def __init__(self, panel: Builder[Panel], number: int) -> None:
        """Keep the parts."""
        self._panel = panel
        self._number = number

    def build(self) -> Panel:
        """The panel."""
        panel = self._panel.build()
        panel.id_val = self._number
        return panel


def choice(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """A variable of some values of a label, by itself of all."""
    variable = dashboard.QueryVariable(name).label(label).query(query).datasource(SOURCE)
    variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
    return variable.multi(True).include_all(True).all_value(".*").current(_ALL)


def _common_variables() -> list[Builder[VariableModel]]:
    return [
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        choice("job", "Job", "label_values(up, job)"),
        choice("instance", "Instance", 'label_values(up{job=~"$job"}, instance)'),
    ]


def _way_to_the_others() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Impasto").type(DashboardLinkType.DASHBOARDS).tags([_TAG])
    return link.as_dropdown(False).keep_time(True).include_vars(True)


def _alerts() -> dashboard.AnnotationQuery:
    # Without a job are those on all of them; the watchdog, of severity none, always fires.
    firing = 'ALERTS{alertstate="firing", alertname=~"Impasto.+", severity!="none", job=~"$job|"}'
    shown = dashboard.AnnotationQuery().name("Alerts").enable(True).icon_color("red")
    return shown.datasource(SOURCE).expr(firing)
