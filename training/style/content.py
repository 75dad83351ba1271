"""Content pictures for the stylizer: sharp photographs, and ones as soft as the generator's."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

from training.data.crops import CropPolicy, CropSampler
from training.data.images import find_pictures, pixels_of, read_all
from training.data.layout import DataLayout, require

# The generator's pictures are enlarged this much before they are painted, so half of the content
# is made equally soft: a stylizer that saw only sharp photographs paints mush on soft ones.
_SOFTENING = 4
# Content pictures are fitted to this size (width, height); its height is that of a painted picture.
CONTENT_SIZE = (512, 256)


def fit_content(picture: Image.Image) -> Tensor:
    """A picture of any size as content, uint8 [3, 256, 512]."""
    return pixels_of(ImageOps.fit(picture, CONTENT_SIZE))


def content_crops(layout: DataLayout, crop: int) -> tuple[CropSampler, Tensor]:
    """The training content: a sampler of its crops, and the pictures uint8 [N, 3, 256, 512].

    Raises:
        DataError: it is not there.
    """
    folders = [
        require(layout.landscapes, "landscape photographs"),
        require(layout.photos, "photographs"),
    ]
    read = read_all(find_pictures(folders))
    pictures = torch.stack([fit_content(picture) for _, picture in read])
    return CropSampler(pictures, crop, CropPolicy(crop, crop * 1.5)), pictures


def draw_content(crops: CropSampler, count: int, random: torch.Generator) -> Tensor:
    """Content [count, 3, side, side] in [-1, 1], half of it soft."""
    image = crops.draw(count, random)
    soft = F.avg_pool2d(image, _SOFTENING)
    soft = F.interpolate(soft, scale_factor=_SOFTENING, mode="bilinear", align_corners=False)
    is_soft = torch.rand(count, 1, 1, 1, generator=random) < 0.5
    image = torch.where(is_soft, soft, image)
    return image.contiguous(memory_format=torch.channels_last)
