"""Reading the odd formats, and drawing crops."""

import struct
import zlib
from pathlib import Path

import pytest
import torch

from training.data.images import CropSampler, find_pictures, load_picture
from training.data.rcc import ResourceFile
from training.errors import DataError


def write_rcc(path: Path, files: dict[str, bytes]) -> None:
    """A version 1 resource file: a root folder with `files`, every other one compressed."""
    names, data = b"", b""
    nodes = [struct.pack(">IHII", 0, 2, len(files), 1)]
    for index, (name, contents) in enumerate(files.items()):
        compressed = index % 2
        stored = struct.pack(">I", len(contents)) + zlib.compress(contents)
        stored = stored if compressed else contents
        nodes.append(struct.pack(">IHHHI", len(names), compressed, 0, 0, len(data)))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
        data += struct.pack(">I", len(stored)) + stored
    tree = b"".join(nodes)
    header = struct.pack(">4s4I", b"qres", 1, 20, 20 + len(tree), 20 + len(tree) + len(data))
    path.write_bytes(header + tree + data + names)


def test_resource_file_round_trip(tmp_path: Path) -> None:
    files = {"plain.txt": b"plain", "packed.txt": b"packed " * 100}
    write_rcc(tmp_path / "x.rcc", files)
    assert dict(ResourceFile(tmp_path / "x.rcc").files()) == files


def test_other_file_is_no_resource_file(tmp_path: Path) -> None:
    (tmp_path / "x.rcc").write_bytes(b"PK\3\4")
    with pytest.raises(DataError, match="expected a Qt resource file"):
        ResourceFile(tmp_path / "x.rcc")


def test_broken_picture_and_empty_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"x\.png: not a readable picture"):
        load_picture(tmp_path / "x.png")
    (tmp_path / "x.png").unlink()
    with pytest.raises(DataError, match=r"expected pictures .*found none"):
        find_pictures([tmp_path])


def test_crops_stay_inside_and_repeat_with_the_generator_state() -> None:
    ramp = torch.arange(160, dtype=torch.uint8).expand(1, 3, 80, 160)
    sampler = CropSampler(ramp, output_size=32, crop_sizes=(40, 80))
    random = torch.Generator().manual_seed(1)
    state = random.get_state()
    crops = sampler.draw(16, random)
    assert crops.shape == (16, 3, 32, 32)
    lowest, highest = -1.0, 159 / 127.5 - 1
    assert lowest <= crops.min()
    assert crops.max() <= highest + 1e-5
    slopes = crops[:, 0, 0].diff(dim=1).mean(dim=1)
    assert (slopes > 0).any()
    assert (slopes < 0).any(), "some are flipped"
    random.set_state(state)
    assert torch.equal(sampler.draw(16, random), crops)
