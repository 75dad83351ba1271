"""Alerts on memory, files and GPUs."""

from __future__ import annotations

from deploy.monitoring.rules.documents import Alert, Group
from deploy.monitoring.rules.selectors import ours

_WHERE = "{{ $labels.instance }}"
_SHARE = "{{ $value | humanizePercentage }}"
_GPU = "The GPU {{ $labels.gpu_uuid }} of {{ $labels.instance }}"


def machine_group() -> Group:
    """What the machine below may run out of."""
    return Group(
        "impasto-machine",
        [
            Alert(
                "ImpastoMachineMemoryNearlyFull",
                "warning",
                f"{ours('nv_cpu_memory_used_bytes')} / {ours('nv_cpu_memory_total_bytes')} > 0.95",
                "10m",
                f"{_SHARE} of the memory of {_WHERE} is taken.",
                "A little more and the system ends processes, the server perhaps first.",
            ),
            Alert(
                "ImpastoFilesNearlyOut",
                "warning",
                f"{ours('process_open_fds')} / {ours('process_max_fds')} > 0.8",
                "5m",
                f"{_WHERE} has {_SHARE} of the files open that it may.",
                "Connections count as files; beyond the limit new ones are refused.",
            ),
            Alert(
                "ImpastoGpuMemoryNearlyFull",
                "warning",
                f"{ours('nv_gpu_memory_used_bytes')} / {ours('nv_gpu_memory_total_bytes')} > 0.95",
                "10m",
                f"{_GPU} has {_SHARE} of its memory taken.",
                "The next larger batch or model may fail for want of it.",
            ),
            Alert(
                "ImpastoGpuPowerLimited",
                "warning",
                f"{ours('nv_gpu_power_usage')} / {ours('nv_gpu_power_limit')} > 0.98\n"
                f"and\n{ours('nv_gpu_utilization')} > 0.9",
                "15m",
                f"{_GPU} draws {_SHARE} of the power that it may.",
                "It lowers its clocks to stay there: this is all that it gives, or it is too hot.",
            ),
        ],
    )
