"""Where a run computes: its device, its precision, and its fellow processes under `torchrun`.

Every process draws the same random numbers for the whole batch and keeps its own slice, so that N
processes compute what one would: their mean gradient is its gradient.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from accelerate import PartialState
from accelerate.utils import reduce
from torch import Tensor, nn

from training.errors import SettingsError

PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True)
class Runtime:
    """One process's place in a run.

    Attributes:
        device: where networks and batches live.
        precision: `fp32`, or `bf16` for forward passes in mixed precision.
        rank: this process's number.
        processes: how many there are.
    """

    device: torch.device
    precision: str = "fp32"
    rank: int = 0
    processes: int = 1

    def close(self) -> None:
        """Leave the other processes, and compute with denormal numbers again.

        A process that ends without leaving may be aborted on its way out, for its connections have
        threads.
        """
        torch.set_flush_denormal(False)
        if self.processes > 1:
            PartialState().destroy_process_group()

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """This process's rows of a batch.

        Raises:
            SettingsError: the batch cannot be shared out evenly.
        """
        if batch % self.processes:
            raise SettingsError(
                f"batch: expected a multiple of the {self.processes} processes, got {batch}"
            )
        share = batch // self.processes
        return slice(self.rank * share, (self.rank + 1) * share)

    def mixed_precision(self) -> AbstractContextManager[None]:
        """A context whose forward passes run in the run's precision.

        bf16 has the range of fp32, so losses need no scaling.
        """
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"
        )

    def share_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes."""
        gradients = [item.grad for item in parameters if item.grad is not None]
        if self.processes == 1 or not gradients:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        mean = self.mean(flat)
        for gradient, part in zip(
            gradients, mean.split([item.numel() for item in gradients]), strict=True
        ):
            gradient.copy_(part.view_as(gradient))

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a tensor over the processes."""
        if self.processes == 1:
            return values
        mean: Tensor = reduce(values, reduction="mean")
        return mean


def start_runtime(precision: str = "fp32", device: str = "auto") -> Runtime:
    """This process's runtime; `auto` takes a GPU where there is one.

    Raises:
        SettingsError: the precision or the device does not exist.
    """
    if precision not in PRECISIONS:
        raise SettingsError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision}")
    if device not in ("auto", "cpu", "cuda"):
        raise SettingsError(f"device: expected auto, cpu or cuda, got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            "device: cuda was asked for and no usable GPU was found; use --device cpu"
        )
    # Denormal numbers make CPU arithmetic many times slower and matter to no gradient. Threads that
    # a thread starts do as it does: nothing may be computed before.
    torch.set_flush_denormal(True)
    state = PartialState(cpu=device == "cpu" or not torch.cuda.is_available())
    return Runtime(state.device, precision, state.process_index, state.num_processes)
