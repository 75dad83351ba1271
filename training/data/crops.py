"""Random crops of pictures in memory, drawn by one seeded generator.

A few thousand small pictures fit in memory as uint8, so a batch is one gather and one resampling
instead of a loader with worker processes; the generator's state goes into the checkpoint, which is
what makes a resumed run see exactly the crops it would have seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.data.images import to_unit_range

_ALL = slice(None)


@dataclass(frozen=True)
class CropPolicy:
    """How crops of one data set may differ from its pictures.

    Attributes:
        least: smallest side of the square that is cut out, in source pixels.
        greatest: greatest side.
        flip: mirror half of the crops left to right.
        rotate: turn every crop by any angle: for pictures without an up.
    """

    least: float
    greatest: float
    flip: bool = True
    rotate: bool = False


class CropSampler:
    """Random square crops from same-sized pictures.

    Args:
        pictures: uint8 [N, C, H, W].
        output_size: side of the returned crops in pixels.
        policy: what crops are allowed.
        labels: class of each picture, int64 [N], where there are classes.
    """

    def __init__(
        self,
        pictures: Tensor,
        output_size: int,
        policy: CropPolicy,
        labels: Tensor | None = None,
    ) -> None:
        """Keep the pictures; nothing is copied."""
        self._pictures = pictures
        self._output_size = output_size
        self._policy = policy
        self._labels = labels

    def __len__(self) -> int:
        """Number of source pictures."""
        return self._pictures.shape[0]

    def draw(self, count: int, generator: torch.Generator, rows: slice = _ALL) -> Tensor:
        """Crops of random pictures; see `draw_labelled`."""
        return self.draw_labelled(count, generator, rows)[0]

    def draw_labelled(
        self, count: int, generator: torch.Generator, rows: slice = _ALL
    ) -> tuple[Tensor, Tensor | None]:
        """Crops of random pictures, with their classes.

        Args:
            count: crops to draw.
            generator: what they are drawn with; it advances by `count`, whatever `rows` is.
            rows: which of them are made and returned.

        Returns:
            float32 [rows, C, output_size, output_size] in [-1, 1], and int64 [rows] or None.
        """
        chosen = torch.randint(len(self), (count,), generator=generator)
        theta = self._transforms(count, generator)
        chosen, theta = chosen[rows], theta[rows]
        labels = None if self._labels is None else self._labels[chosen]
        return self.cut(chosen, theta), labels

    def centred(self, chosen: Tensor) -> Tensor:
        """The middle crops of chosen pictures [N], neither flipped nor turned."""
        height, width = self._pictures.shape[-2:]
        side = min(self._policy.greatest, height, width)
        theta = torch.zeros(len(chosen), 2, 3)
        theta[:, 0, 0], theta[:, 1, 1] = side / width, side / height
        return self.cut(chosen, theta)

    def cut(self, chosen: Tensor, theta: Tensor) -> Tensor:
        """The crops that affine maps [N, 2, 3] of grid_sample's coordinates cut out."""
        pixels = to_unit_range(self._pictures[chosen])
        size = [len(chosen), pixels.shape[1], self._output_size, self._output_size]
        if tuple(size[2:]) == tuple(pixels.shape[2:]) and self._is_whole:
            return pixels
        grid = F.affine_grid(theta, size, align_corners=False)
        return F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)

    @property
    def _is_whole(self) -> bool:
        """Whether every crop is its whole picture as it is, so that nothing need be resampled."""
        policy, side = self._policy, self._pictures.shape[-1]
        return policy.least == policy.greatest == side and not (policy.flip or policy.rotate)

    def _transforms(self, count: int, generator: torch.Generator) -> Tensor:
        policy = self._policy
        side = policy.least + (policy.greatest - policy.least) * torch.rand(
            count, generator=generator
        )
        flip = torch.ones(count)
        if policy.flip:
            flip = (torch.randint(2, (count,), generator=generator) * 2 - 1).float()
        angle = torch.zeros(count)
        if policy.rotate:
            angle = 2 * math.pi * torch.rand(count, generator=generator)
        height, width = self._pictures.shape[-2:]
        # grid_sample's coordinates run over [-1, 1]; a crop is an affine map of that range.
        scale_x, scale_y = side / width, side / height
        shift_x = (torch.rand(count, generator=generator) * 2 - 1) * (1 - scale_x)
        shift_y = (torch.rand(count, generator=generator) * 2 - 1) * (1 - scale_y)
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0] = scale_x * flip * angle.cos()
        theta[:, 0, 1] = -scale_x * angle.sin()
        theta[:, 0, 2] = shift_x
        theta[:, 1, 0] = scale_y * flip * angle.sin()
        theta[:, 1, 1] = scale_y * angle.cos()
        theta[:, 1, 2] = shift_y
        return theta
