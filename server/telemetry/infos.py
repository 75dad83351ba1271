"""What is served, and by what: gauges that are 1 and tell by their labels."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from server.engines.base import Engine
from server.errors import ImpastoError

# An engine behind a network may be away; the scraper waits for ten seconds.
_PATIENCE_SECONDS = 1.0


class BuildInfo:
    """Versions of this server and what it runs on.

    Args:
        engine: the engine's name.
    """

    def __init__(self, engine: str) -> None:
        """Look the versions up once."""
        self._family = GaugeMetricFamily(
            "impasto_build_info",
            "1; what runs here.",
            labels=["version", "engine", "python", "onnxruntime"],
        )
        # The GPU build of onnxruntime is a package of another name.
        runtime = _version("onnxruntime") or _version("onnxruntime-gpu")
        labels = [_version("impasto"), engine, platform.python_version(), runtime]
        self._family.add_metric(labels, 1)

    async def __call__(self) -> Sequence[Metric]:
        """The family."""
        return [self._family]


class ModelInfo:
    """The served models, as of the moment of the scrape.

    Args:
        engine: what serves them.
    """

    def __init__(self, engine: Engine) -> None:
        """Know none yet."""
        self._engine = engine
        self._rows: list[tuple[str, str, str]] = []
        # By model and version; what there was no time for is looked up at the next scrape.
        self._kinds: dict[tuple[str, str], str] = {}

    async def __call__(self) -> Sequence[Metric]:
        """The family; while the engine is away, what it served before."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                self._rows = await self._served()
        except (ImpastoError, TimeoutError):
            pass
        family = GaugeMetricFamily(
            "impasto_model_info", "1; a served model.", labels=["model", "version", "platform"]
        )
        for row in self._rows:
            family.add_metric(row, 1)
        return [family]

    async def names(self) -> set[str]:
        """The names of the served models.

        Raises:
            ImpastoError: the engine is away.
        """
        return {model for model, _, _ in await self._served()}

    async def _served(self) -> list[tuple[str, str, str]]:
        served = [(item.name, item.version) for item in await self._engine.index(ready_only=True)]
        # One that comes again may be of another kind.
        kinds = {key: self._kinds[key] for key in served if key in self._kinds}
        self._kinds = kinds
        for key in served:
            if key not in kinds:
                config = await self._engine.config(*key)
                kinds[key] = config.platform or config.backend
        return [(*key, kinds[key]) for key in served]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
