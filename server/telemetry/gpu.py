"""What the GPUs do, as NVIDIA's management library tells it, in Triton's words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, NamedTuple

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from server.telemetry.engine_families import triton_counter

_log = logging.getLogger(__name__)
_LABEL = "gpu_uuid"
_ENERGY = "nv_energy_consumption"
_THOUSANDTHS = 1000
_PERCENT = 100


class _Gauge(NamedTuple):
    name: str
    meaning: str
    value: Callable[[ModuleType, Any], float]


_GAUGES = (
    _Gauge(
        "nv_gpu_utilization",
        "GPU utilization rate [0.0 - 1.0)",
        lambda nvml, device: nvml.nvmlDeviceGetUtilizationRates(device).gpu / _PERCENT,
    ),
    _Gauge(
        "nv_gpu_memory_total_bytes",
        "GPU total memory, in bytes",
        lambda nvml, device: nvml.nvmlDeviceGetMemoryInfo(device).total,
    ),
    _Gauge(
        "nv_gpu_memory_used_bytes",
        "GPU used memory, in bytes",
        lambda nvml, device: nvml.nvmlDeviceGetMemoryInfo(device).used,
    ),
    _Gauge(
        "nv_gpu_power_usage",
        "GPU power usage in watts",
        lambda nvml, device: nvml.nvmlDeviceGetPowerUsage(device) / _THOUSANDTHS,
    ),
    _Gauge(
        "nv_gpu_power_limit",
        "GPU power management limit in watts",
        lambda nvml, device: nvml.nvmlDeviceGetPowerManagementLimit(device) / _THOUSANDTHS,
    ),
)


class _Device(NamedTuple):
    """One GPU: its identity and the library's handle."""

    uuid: str
    handle: Any


class Gpus(Collector):
    """Asks the driver whenever it is asked; that blocks, for some milliseconds.

    What a GPU does not tell is left out, for that GPU only.

    Args:
        nvml: the module pynvml, initialised.
    """

    def __init__(self, nvml: ModuleType) -> None:
        """Find the GPUs.

        Raises:
            Exception: the driver does not answer.
        """
        self._nvml = nvml
        # By GPU, what it told at first: it had used that before.
        self._joules_before: dict[str, float] = {}
        self._devices = [
            device
            for index in range(nvml.nvmlDeviceGetCount())
            if (device := self._found(index)) is not None
        ]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._devices)

    def collect(self) -> Iterable[Metric]:
        """The families."""
        for name, meaning, value in _GAUGES:
            family = GaugeMetricFamily(name, meaning, labels=[_LABEL])
            for device in self._devices:
                told = self._ask(value, device.handle)
                if told is not None:
                    family.add_metric([device.uuid], told)
            yield family
        energy = triton_counter(
            _ENERGY, "GPU energy consumption in joules since the server started"
        )
        for device in self._devices:
            told = self._ask(_joules, device.handle)
            if told is not None:
                before = self._joules_before.setdefault(device.uuid, told)
                energy.add_sample(_ENERGY, {_LABEL: device.uuid}, told - before)
        yield energy

    def _found(self, index: int) -> _Device | None:
        try:
            handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
            uuid = self._nvml.nvmlDeviceGetUUID(handle)
        except self._nvml.NVMLError as error:
            _log.warning("GPU %d is not shown on /metrics: %s", index, error)
            return None
        told = self._ask(_joules, handle)
        if told is not None:
            self._joules_before[uuid] = told
        return _Device(uuid, handle)

    def _ask(self, value: Callable[[ModuleType, Any], float], handle: Any) -> float | None:
        try:
            return value(self._nvml, handle)
        # Older ones do not know their energy, and one that fails must not take the others along.
        except self._nvml.NVMLError:
            return None


def find_gpus() -> Gpus | None:
    """The GPUs of this machine; None where there are none, or nothing to ask them with.

    What there is goes to the log, in one line.
    """
    try:
        # Of NVIDIA's making; without a driver it can be imported all the same.
        import pynvml  # noqa: PLC0415
    except ImportError:
        _log.info("no GPUs on /metrics: the package nvidia-ml-py is not installed")
        return None
    try:
        pynvml.nvmlInit()
        gpus = Gpus(pynvml)
    except pynvml.NVMLError as error:
        _log.info("no GPUs on /metrics: %s", error)
        return None
    _log.info("%d GPUs on /metrics", len(gpus))
    return gpus or None


def _joules(nvml: ModuleType, handle: Any) -> float:
    told: float = nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / _THOUSANDTHS
    return told
