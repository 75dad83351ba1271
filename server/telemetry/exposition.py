"""What `/metrics` answers: what was counted, and what is looked up when somebody asks."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from server.telemetry.metrics import SHARED_FOLDER

# Made on the event loop, where what they tell of lives.
Source: TypeAlias = Callable[[], Awaitable[Sequence[Metric]]]
# Triton's counters have no suffix, which the library does not write; as "unknown" it takes them.
_TRITONS_COUNTER = re.compile(rb"^# TYPE (nv_\w+) untyped$", re.MULTILINE)
_GZIP_LEVEL = 1


class Exposition(NamedTuple):
    """A text, and how it is to be sent."""

    body: bytes
    media_type: str
    headers: dict[str, str]


class _LookedUp(Collector):
    """Families that were looked up a moment ago."""

    def __init__(self) -> None:
        self.families: Sequence[Metric] = ()

    def collect(self) -> Iterable[Metric]:
        return self.families


class Exposer:
    """Renders the metrics of all workers, and what its sources tell of this one.

    Args:
        registry: what was counted here.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        """Show what is counted, and this process where it is the only one."""
        shown = CollectorRegistry()
        if SHARED_FOLDER in os.environ:
            MultiProcessCollector(shown)
        else:
            shown.register(_Counted(registry))
            # Of several workers each would tell of itself, and a scrape reaches any of them.
            ProcessCollector(registry=shown)
        self._looked_up = _LookedUp()
        shown.register(self._looked_up)
        self._shown = shown
        self._sources: list[Source] = []

    def add(self, source: Source) -> None:
        """Show what `source` tells, too."""
        self._sources.append(source)

    def register(self, collector: Collector) -> None:
        """Show what `collector` tells when it is asked, in a thread."""
        self._shown.register(collector)

    async def render(self, accept: str, accept_encoding: str) -> Exposition:
        """The text in the format that the scraper wants.

        Args:
            accept: the header of that name.
            accept_encoding: likewise.
        """
        told = [await source() for source in self._sources]
        self._looked_up.families = [family for families in told for family in families]
        # Some thousand lines take the event loop longer than a small picture does.
        return await asyncio.to_thread(self._render, accept, accept_encoding)

    def _render(self, accept: str, accept_encoding: str) -> Exposition:
        encode, media_type = _encoder(accept)
        body = _TRITONS_COUNTER.sub(rb"# TYPE \1 counter", encode(self._shown))
        if not gzip_accepted(accept_encoding):
            return Exposition(body, media_type, {"Vary": "Accept, Accept-Encoding"})
        headers = {"Vary": "Accept, Accept-Encoding", "Content-Encoding": "gzip"}
        return Exposition(gzip.compress(body, _GZIP_LEVEL), media_type, headers)


def _encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    try:
        return choose_encoder(accept)
    except TypeError:
        # What it names as a version is not made of numbers, with which the library compares it.
        return choose_encoder("")


class _Counted(Collector):
    """What another registry holds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        return self._registry.collect()
