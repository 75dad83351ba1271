"""What the repository holds: versions in service, and the ensembles that were built on them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from server.engines.onnxruntime.config import ConfigFile
from server.engines.onnxruntime.servable import Servable


class Loaded:
    """One version in service; it outlives the ensembles that were built on it.

    Attributes:
        servable: what runs.

    Args:
        servable: what runs.
        steps: what it runs on where it is an ensemble.
    """

    def __init__(self, servable: Servable, steps: Sequence[Loaded] = ()) -> None:
        """Hold the steps."""
        self.servable = servable
        self._steps = steps
        self._ensembles = 0
        self._unused = asyncio.Event()
        self._unused.set()
        for step in steps:
            step._hold()

    def _hold(self) -> None:
        self._ensembles += 1
        self._unused.clear()

    def _release(self) -> None:
        self._ensembles -= 1
        if not self._ensembles:
            self._unused.set()

    async def close(self) -> None:
        """Wait for the ensembles on it and for its own requests, and free everything."""
        await self._unused.wait()
        try:
            await self.servable.close()
        finally:
            for step in self._steps:
                step._release()


@dataclass
class Entry:
    """One model that should be served.

    Attributes:
        file: its configuration.
        chosen: the versions that its policy chose, oldest first.
        versions: what is in service of it, oldest first; nothing where it is an ensemble of which
            a step is not served now.
        explicit: whether it was asked for by name, and not only as a step of an ensemble.
    """

    file: ConfigFile
    chosen: Sequence[str]
    versions: dict[str, Loaded] = field(default_factory=dict)
    explicit: bool = True

    @property
    def steps(self) -> set[str]:
        """Names of the models that it runs on; none where it is no ensemble."""
        return {step.model_name for step in self.file.config.ensemble_scheduling.step}

    @property
    def latest(self) -> Loaded:
        """The greatest version in service."""
        return self.versions[self.chosen[-1]]
