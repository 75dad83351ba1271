"""The generated files and where they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deploy.monitoring.dashboards.files import dashboard_files
from deploy.monitoring.rules.files import rule_files

MONITORING = Path(__file__).resolve().parent
DASHBOARDS = MONITORING / "grafana/dashboards"
RULES = MONITORING / "prometheus/rules"


def generated_files() -> Mapping[Path, str]:
    """Texts by path, the same every time."""
    return {
        **{RULES / name: text for name, text in rule_files().items()},
        **{DASHBOARDS / name: text for name, text in dashboard_files().items()},
    }
