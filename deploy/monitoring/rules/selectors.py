"""Series of Impasto's own jobs: the same names are used by other people's servers, too."""

from __future__ import annotations

from deploy.monitoring.objectives import JOBS, one_of


def ours(metric: str, matchers: str = "") -> str:
    """The metric's series of gateways and their Tritons, and of these matchers."""
    return _selected(metric, f'job=~"{one_of(JOBS)}"', matchers)


def of(job: str, metric: str, matchers: str = "") -> str:
    """The metric's series of one job, and of these matchers."""
    return _selected(metric, f'job="{job}"', matchers)


def _selected(metric: str, job: str, matchers: str) -> str:
    return f"{metric}{{{job}{', ' + matchers if matchers else ''}}}"
