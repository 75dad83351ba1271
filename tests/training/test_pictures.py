"""Reading the odd formats and folders of pictures, and drawing crops."""

import struct
import zlib
from pathlib import Path

import pytest
import torch
from synthetic_data import FASHION_PICTURES, write_fashion, write_picture

from training.data import sets
from training.data.crops import CropPolicy, CropSampler
from training.data.images import find_pictures, open_rgb, read_all
from training.data.layout import DataLayout
from training.data.rcc import ResourceFile
from training.data.sets import load_set
from training.errors import DataError, SettingsError


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
        open_rgb(tmp_path / "x.png")
    with pytest.raises(DataError, match=r"none of 1 pictures can be read, .*x\.png"):
        read_all([tmp_path / "x.png"])
    (tmp_path / "x.png").unlink()
    with pytest.raises(DataError, match=r"expected pictures .*found none"):
        find_pictures([tmp_path])


def test_a_folder_is_read_to_its_depths_and_damage_is_skipped_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "a.png")
    write_picture(tmp_path / "deep/er/b.JPG", (50, 200))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "deep/cut.png").write_bytes(whole[: len(whole) // 2])
    loaded = load_set(str(tmp_path), 32, DataLayout(), download=False)
    assert len(loaded.crops) == 2
    assert loaded.is_small
    assert not loaded.classes
    assert "skipped " in capsys.readouterr().out
    assert loaded.crops.draw(3, torch.Generator()).shape == (3, 3, 32, 32)


def test_sub_folders_are_classes(tmp_path: Path) -> None:
    for index, kind in enumerate(("cats", "dogs", "dogs")):
        write_picture(tmp_path / kind / f"{index}.png", seed=index)
    loaded = load_set(str(tmp_path), 32, DataLayout(), download=False)
    assert loaded.classes == ("cats", "dogs")
    _, labels = loaded.crops.draw_labelled(64, torch.Generator().manual_seed(0))
    assert labels is not None
    assert 10 < int((labels == 0).sum()) < 35


@pytest.mark.parametrize("side", [28, 32, 64])
def test_fashion_is_labelled_and_keeps_its_pixels(tmp_path: Path, side: int) -> None:
    layout = DataLayout(tmp_path)
    write_fashion(layout.fashion)
    loaded = load_set("fashion", side, layout, download=False)
    assert (len(loaded.crops), loaded.channels, len(loaded.classes)) == (FASHION_PICTURES, 1, 10)
    pictures, labels = loaded.crops.draw_labelled(5, torch.Generator().manual_seed(0))
    assert pictures.shape == (5, 1, side, side)
    assert labels is not None
    if side == 32:
        assert (pictures[:, :, :2] == -1).all(), "a border of black"


@pytest.mark.parametrize("name", ["mnist", "cifar10", "coco"])
def test_missing_sets_say_how_to_get_them(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"Pass --download True|Unpack train2017\.zip"):
        load_set(name, 32, DataLayout(tmp_path), download=False)


def test_unknown_set_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"one of landscapes, .* or a folder .*'nowhere'"):
        load_set("nowhere", 32, DataLayout(), download=False)


def test_a_set_too_large_for_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "_MAX_BYTES", 5_000)
    write_picture(tmp_path / "a.png")
    (tmp_path / "never-read.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"2 pictures would take .* smaller --resolution"):
        load_set(str(tmp_path), 32, DataLayout(), download=False)


def test_crops_stay_inside_and_repeat_with_the_generator_state() -> None:
    ramp = torch.arange(160, dtype=torch.uint8).expand(1, 3, 80, 160)
    sampler = CropSampler(ramp, 32, CropPolicy(40, 80))
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


def test_rows_of_a_batch_are_those_of_the_whole_batch() -> None:
    pictures = torch.randint(256, (5, 3, 40, 40), dtype=torch.uint8)
    sampler = CropSampler(pictures, 32, CropPolicy(32, 40, rotate=True), torch.arange(5))
    whole, labels = sampler.draw_labelled(8, torch.Generator().manual_seed(3))
    random = torch.Generator().manual_seed(3)
    part, part_labels = sampler.draw_labelled(8, random, slice(4, 8))
    assert torch.allclose(part, whole[4:], atol=1e-6)
    assert labels is not None
    assert part_labels is not None
    assert torch.equal(part_labels, labels[4:])


def test_rotation_turns_crops_all_ways() -> None:
    ramp = torch.arange(64, dtype=torch.uint8).expand(1, 3, 64, 64)
    crops = CropSampler(ramp, 32, CropPolicy(48, 48, flip=False, rotate=True)).draw(
        32, torch.Generator().manual_seed(0)
    )
    across = crops[:, 0].diff(dim=2).mean(dim=(1, 2))
    down = crops[:, 0].diff(dim=1).mean(dim=(1, 2))
    for slope in (across, down):
        assert slope.min() < 0 < slope.max()
