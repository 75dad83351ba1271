"""The dashboards as Grafana reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.monitoring.dashboards.capacity import capacity
from deploy.monitoring.dashboards.gpu import gpu
from deploy.monitoring.dashboards.models import models
from deploy.monitoring.dashboards.service import service


def dashboard_files() -> Mapping[str, str]:
    """Texts by the names of their files."""
    boards = [service(), models(), gpu(), capacity()]
    return {f"{board.uid}.json": as_json(board) for board in boards}


def as_json(board: Dashboard) -> str:
    """Its text, the same every time."""
    return json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
