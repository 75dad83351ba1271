"""GPUs on /metrics. This machine's own answer is real; the GPUs below are simulated."""

import logging
import sys
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from server.telemetry.gpu import Gpus, find_gpus


class SimulatedError(Exception):
    """Stands for pynvml.NVMLError."""


class SimulatedNvml:
    """Stands for the module pynvml: two GPUs, of which the second tells little.

    Attributes:
        joules: that the first has used since the machine's start.
    """

    NVMLError = SimulatedError

    def __init__(self) -> None:
        self.joules = 1000.0

    def nvmlInit(self) -> None:  # noqa: N802 - NVIDIA's names
        pass

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 3

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if index == 2:
            raise SimulatedError("fallen off the bus")
        return index

    def nvmlDeviceGetUUID(self, handle: int) -> str:  # noqa: N802
        return f"GPU-{handle}"

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:  # noqa: N802
        self._not_of_the_second(handle)
        return SimpleNamespace(gpu=25)

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(total=8000, used=2000)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:  # noqa: N802
        self._not_of_the_second(handle)
        return 150_500

    def nvmlDeviceGetPowerManagementLimit(self, handle: int) -> int:  # noqa: N802
        self._not_of_the_second(handle)
        return 300_000

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> float:  # noqa: N802
        self._not_of_the_second(handle)
        return self.joules * 1000

    def _not_yet(self, handle: int) -> float:
        raise SimulatedError("unknown error")

    def _not_of_the_second(self, handle: int) -> None:
        if handle == 1:
            raise SimulatedError("not supported")


def shown(families: list[Metric]) -> dict[str, dict[str, float]]:
    return {
        family.name: {sample.labels["gpu_uuid"]: sample.value for sample in family.samples}
        for family in families
    }


def test_simulated_gpus_are_shown_in_tritons_units(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nvml = SimulatedNvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    with caplog.at_level(logging.INFO):
        gpus = find_gpus()
    assert gpus is not None
    assert [record.message for record in caplog.records] == [
        "GPU 2 is not shown on /metrics: fallen off the bus",
        "2 GPUs on /metrics",
    ]
    nvml.joules = 1030.5
    assert shown(list(gpus.collect())) == {
        "nv_gpu_utilization": {"GPU-0": 0.25},
        "nv_gpu_memory_total_bytes": {"GPU-0": 8000, "GPU-1": 8000},
        "nv_gpu_memory_used_bytes": {"GPU-0": 2000, "GPU-1": 2000},
        "nv_gpu_power_usage": {"GPU-0": 150.5},
        "nv_gpu_power_limit": {"GPU-0": 300},
        "nv_energy_consumption": {"GPU-0": 30.5},
    }
    registry = CollectorRegistry()
    registry.register(gpus)
    assert b'nv_energy_consumption{gpu_uuid="GPU-0"} 30.5' in generate_latest(registry)


def test_energy_counts_from_the_first_reading_that_succeeds() -> None:
    nvml = SimulatedNvml()
    nvml.nvmlDeviceGetTotalEnergyConsumption = nvml._not_yet  # type: ignore[method-assign]
    gpus = Gpus(nvml)  # type: ignore[arg-type]
    assert shown(list(gpus.collect()))["nv_energy_consumption"] == {}
    del nvml.nvmlDeviceGetTotalEnergyConsumption  # type: ignore[attr-defined]
    for joules, used in ((1000.0, 0), (1030.5, 30.5)):
        nvml.joules = joules
        assert shown(list(gpus.collect()))["nv_energy_consumption"] == {"GPU-0": used}


def test_without_gpus_there_is_one_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_driver(self: SimulatedNvml) -> None:
        raise SimulatedError("NVML Shared Library Not Found")

    monkeypatch.setattr(SimulatedNvml, "nvmlInit", no_driver)
    monkeypatch.setitem(sys.modules, "pynvml", SimulatedNvml())
    with caplog.at_level(logging.INFO):
        assert find_gpus() is None
        monkeypatch.setitem(sys.modules, "pynvml", None)
        assert find_gpus() is None
    assert [record.message for record in caplog.records] == [
        "no GPUs on /metrics: NVML Shared Library Not Found",
        "no GPUs on /metrics: the package nvidia-ml-py is not installed",
    ]


def test_this_machine_answers_or_says_why_not(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        gpus = find_gpus()
    (record,) = caplog.records
    if gpus is None:
        assert record.message.startswith("no GPUs on /metrics: ")
        return
    assert record.message == f"{len(gpus)} GPUs on /metrics"
    families = shown(list(gpus.collect()))
    for uuid, total in families["nv_gpu_memory_total_bytes"].items():
        assert uuid.startswith("GPU-")
        assert 0 <= families["nv_gpu_memory_used_bytes"][uuid] <= total
