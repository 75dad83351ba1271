"""Small stand-ins for the prepared data, so that training can be tested without downloads."""

import struct
from pathlib import Path

import numpy as np
import safetensors.numpy
from PIL import Image

from training.data.layout import DataLayout
from training.data.paintings import PAINTINGS
from training.data.vgg16 import BLOCKS, convolution_names
from training.pretrained import lite0

FASHION_PICTURES = 60


def write_synthetic_data(root: Path) -> DataLayout:
    layout = DataLayout(root)
    for folder, names in (
        (layout.landscapes, [f"{index}.jpg" for index in range(6)]),
        (layout.nebulae, [f"{index}.png" for index in range(6)]),
        (layout.photos, [f"{index}.png" for index in range(2)]),
        (layout.style_pool, [f"{index}.png" for index in range(2)]),
        (layout.paintings, [f"{painting.name}.png" for painting in PAINTINGS]),
    ):
        for index, name in enumerate(names):
            write_picture(folder / name, seed=index)
    write_random_vgg16(layout.vgg16)
    write_random_lite0(layout.lite0)
    write_fashion(layout.fashion)
    return layout


def write_picture(path: Path, size: tuple[int, int] = (96, 48), seed: int = 0) -> Path:
    """A soft random picture of `size` (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 12, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR).save(path)
    return path


def write_fashion(folder: Path) -> None:
    """Fashion-MNIST's training files with random blobs of ten kinds."""
    folder.mkdir(parents=True)
    labels = np.arange(FASHION_PICTURES, dtype=np.uint8) % 10
    coarse = np.random.default_rng(0).integers(0, 256, (10, 7, 7), dtype=np.uint8)
    pictures = coarse[labels].repeat(4, axis=1).repeat(4, axis=2)
    header = struct.pack(">4I", 2051, FASHION_PICTURES, 28, 28)
    (folder / "train-images-idx3-ubyte").write_bytes(header + pictures.tobytes())
    header = struct.pack(">2I", 2049, FASHION_PICTURES)
    (folder / "train-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    # torchvision looks for these, too, before it says that the set is there.
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (folder / name).write_bytes(b"")


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


def write_random_lite0(path: Path) -> None:
    """Random weights under the package's names."""
    random = np.random.default_rng(0)
    tensors: dict[str, np.ndarray] = {}

    def add(convolution: str, norm: str, shape: tuple[int, int, int, int]) -> None:
        scale = (2.0 / np.prod(shape[1:])) ** 0.5
        weight = random.standard_normal(shape, dtype=np.float32) * scale
        tensors[f"{convolution}.weight"] = weight.astype(np.float32)
        for part, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            tensors[f"{norm}.{part}"] = np.full(shape[0], value, np.float32)

    add("_conv_stem", "_bn0", (32, 3, 3, 3))
    inputs = 32
    for index, block in enumerate(lite0.BLOCKS):
        prefix, inner = f"_blocks.{index}", inputs * block.expansion
        if block.expansion > 1:
            add(f"{prefix}._expand_conv", f"{prefix}._bn0", (inner, inputs, 1, 1))
        size = block.kernel
        add(f"{prefix}._depthwise_conv", f"{prefix}._bn1", (inner, 1, size, size))
        add(f"{prefix}._project_conv", f"{prefix}._bn2", (block.channels, inner, 1, 1))
        inputs = block.channels
    safetensors.numpy.save_file(tensors, path)
