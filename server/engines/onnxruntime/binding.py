"""Running a session on tensors that lie, and may stay, on its device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import onnxruntime as ort

from server.engines.onnxruntime.placement import Placement

Tensor: TypeAlias = np.ndarray | ort.OrtValue


def run_bound(
    session: ort.InferenceSession,
    placement: Placement,
    outputs: Sequence[str],
    inputs: Mapping[str, Tensor],
    stay: bool,
) -> list[Tensor]:
    """Run once; blocks, releasing the GIL.

    Args:
        session: what runs.
        placement: where it runs.
        outputs: names of the wanted outputs.
        inputs: from the host's memory or from the device's.
        stay: whether the outputs stay on the device, for the next session there.
    """
    binding = session.io_binding()
    for name, tensor in inputs.items():
        if isinstance(tensor, ort.OrtValue):
            binding.bind_ortvalue_input(name, tensor)
        else:
            binding.bind_cpu_input(name, np.ascontiguousarray(tensor))
    for name in outputs:
        if stay:
            binding.bind_output(name, placement.device, placement.device_id)
        else:
            binding.bind_output(name, "cpu")
    session.run_with_iobinding(binding)
    return list(binding.get_outputs()) if stay else binding.copy_outputs_to_cpu()


def on_host(tensor: Tensor) -> np.ndarray:
    """A tensor in the host's memory."""
    return tensor.numpy() if isinstance(tensor, ort.OrtValue) else tensor
