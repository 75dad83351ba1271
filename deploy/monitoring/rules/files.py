"""Which rules are in which file."""

from __future__ import annotations

from collections.abc import Mapping

from deploy.monitoring.rules.documents import rule_file
from deploy.monitoring.rules.machine_alerts import machine_group
from deploy.monitoring.rules.objective_alerts import objective_group
from deploy.monitoring.rules.recording import recording_groups
from deploy.monitoring.rules.serving_alerts import model_group, serving_group, store_group


def rule_files() -> Mapping[str, str]:
    """Texts by the names of their files."""
    alerts = [objective_group(), serving_group(), model_group(), store_group(), machine_group()]
    return {"recording.yml": rule_file(recording_groups()), "alerts.yml": rule_file(alerts)}
