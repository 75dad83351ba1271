"""What the whole machine's processors and memory are used for, in Triton's words."""

from __future__ import annotations

from collections.abc import Iterable

import psutil
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_IDLE = ("idle", "iowait")
# Counted in `user` and `nice`, too.
_COUNTED_TWICE = ("guest", "guest_nice")


class Processor(Collector):
    """Looks when it is asked; utilisation is that since the last time."""

    def __init__(self) -> None:
        """Look for the first time."""
        self._before = _seconds()
        self._utilisation = 0.0

    def collect(self) -> Iterable[Metric]:
        """The families."""
        memory = psutil.virtual_memory()
        yield GaugeMetricFamily(
            "nv_cpu_utilization", "CPU utilization rate [0.0 - 1.0]", self._utilised()
        )
        yield GaugeMetricFamily(
            "nv_cpu_memory_total_bytes", "CPU total memory (RAM), in bytes", memory.total
        )
        yield GaugeMetricFamily(
            "nv_cpu_memory_used_bytes",
            "CPU used memory (RAM), in bytes",
            memory.total - memory.available,
        )

    def _utilised(self) -> float:
        now, before = _seconds(), self._before
        elapsed = now[1] - before[1]
        # Two scrapes within a tick of the system's clock tell nothing new.
        if elapsed > 0:
            self._before = now
            self._utilisation = min(1.0, max(0.0, (now[0] - before[0]) / elapsed))
        return self._utilisation


def _seconds() -> tuple[float, float]:
    """Seconds of all cores since the machine's start: those at work, and all."""
    times = psutil.cpu_times()._asdict()
    total = sum(value for name, value in times.items() if name not in _COUNTED_TWICE)
    return total - sum(times.get(name, 0.0) for name in _IDLE), total
