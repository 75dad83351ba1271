"""The faint noise that a stylizer paints over."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_VALUES, _ROWS = 4099, 1021
_DEVIATION = 0.08


class Grain(nn.Module):
    """Noise for pictures of any size, the same at every run on every machine.

    A convolution sees nothing to vary its strokes by in a flat sky and repeats one dab like a
    halftone (noise does the same for textures in Ulyanov et al., arXiv 1603.03417). A network that
    always meets the noise at one place learns that place by heart and paints spots into it, so
    training moves it about.

    The rows are pieces of one table of values that begin wherever another table says: an exported
    graph then needs no random numbers, and hardly any two rows near each other align.
    """

    def __init__(self) -> None:
        """Draw the two tables; they are kept with the weights."""
        super().__init__()
        random = torch.Generator().manual_seed(0)
        self.values: Tensor
        self.register_buffer("values", torch.randn(_VALUES, generator=random) * _DEVIATION)
        self.starts: Tensor
        self.register_buffer("starts", torch.randint(_VALUES, (_ROWS,), generator=random))

    def forward(self, image: Tensor, place: tuple[int, int] = (0, 0)) -> Tensor:
        """Noise [H, W] for `image` [B, C, H, W], from row and column `place` of the endless one."""
        row, column = place
        rows = torch.arange(image.shape[2], device=image.device) + row
        columns = torch.arange(image.shape[3], device=image.device) + column
        return self.values[(self.starts[rows % _ROWS][:, None] + columns) % _VALUES]

    @staticmethod
    def draw_place(random: torch.Generator) -> tuple[int, int]:
        """Any place, as likely as any other."""
        row, column = (int(torch.randint(size, (), generator=random)) for size in (_ROWS, _VALUES))
        return row, column
