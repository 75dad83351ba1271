"""Shows the families of a GPU that is not there, as Triton and the gateway show a real one's."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric, UnknownMetricFamily
from prometheus_client.exposition import start_http_server
from prometheus_client.registry import Collector

GPU = "GPU-simulated"
_WATTS = 300.0
_VALUES = {
    "nv_gpu_utilization": 0.7,
    "nv_gpu_memory_total_bytes": 80e9,
    "nv_gpu_memory_used_bytes": 20e9,
    "nv_gpu_power_usage": _WATTS,
    "nv_gpu_power_limit": 700.0,
}


class _SimulatedGpu(Collector):
    def collect(self) -> Iterator[Metric]:
        for name, value in _VALUES.items():
            family = GaugeMetricFamily(name, "Simulated.", labels=["gpu_uuid"])
            family.add_metric([GPU], value)
            yield family
        # A counter without the suffix of one, as Triton's are.
        energy = UnknownMetricFamily("nv_energy_consumption", "Simulated.", labels=["gpu_uuid"])
        energy.add_metric([GPU], _WATTS * time.monotonic())
        yield energy


@contextmanager
def simulated_gpu() -> Iterator[str]:
    """Its address, host:port."""
    registry = CollectorRegistry()
    registry.register(_SimulatedGpu())
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
