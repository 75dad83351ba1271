"""Small stand-ins for the prepared data, so that training can be tested without downloads."""

from pathlib import Path

import numpy as np
import safetensors.numpy
from PIL import Image

from training.data.layout import DataLayout
from training.data.paintings import PAINTINGS
from training.data.vgg16 import BLOCKS, convolution_names


def write_synthetic_data(root: Path) -> DataLayout:
    layout = DataLayout(root)
    random = np.random.default_rng(0)
    for folder, names in (
        (layout.landscapes, [f"{index}.jpg" for index in range(6)]),
        (layout.photos, [f"{index}.png" for index in range(2)]),
        (layout.paintings, [f"{painting.name}.png" for painting in PAINTINGS]),
    ):
        folder.mkdir(parents=True)
        for name in names:
            coarse = random.integers(0, 256, (6, 12, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((96, 48), Image.Resampling.BILINEAR).save(folder / name)
    write_random_vgg16(layout.vgg16)
    return layout


def write_random_vgg16(path: Path) -> None:
    """Random weights of the right shapes; a tenth of the true width would not load."""
    random = np.random.default_rng(0)
    channels = [64, 128, 256, 512, 512]
    tensors, inputs = {}, 3
    for name in convolution_names():
        outputs = channels[int(name[4]) - 1]
        if int(name[4]) <= 4:
            scale = (2.0 / (9 * inputs)) ** 0.5
            weight = random.standard_normal((outputs, inputs, 3, 3), dtype=np.float32) * scale
            tensors[f"{name}.weight"] = weight.astype(np.float32)
            tensors[f"{name}.bias"] = np.zeros(outputs, np.float32)
        inputs = outputs
    assert len(BLOCKS) == len(channels)
    safetensors.numpy.save_file(tensors, path)
