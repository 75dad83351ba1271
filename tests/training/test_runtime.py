"""Where a run computes, and what it leaves behind."""

from contextlib import closing

import torch

from training.runtime import start_runtime

DENORMAL = 1e-40


def test_denormal_numbers_are_zero_in_a_run_only() -> None:
    number = torch.tensor(DENORMAL)
    with closing(start_runtime(device="cpu")):
        assert (number * 1).item() == 0
    assert (number * 1).item() > 0
