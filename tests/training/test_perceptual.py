"""The perceptual networks compute what their originals compute."""

from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from synthetic_data import write_random_vgg16
from torchvision.models.vgg import cfgs, make_layers

from training.data.layout import DataLayout
from training.errors import DataError, SettingsError
from training.pretrained import vgg as perceptual
from training.pretrained.vgg import load_perceptual, load_vgg16, load_vgg19


def test_vgg16_takes_caffes_channel_order_and_means(tmp_path: Path) -> None:
    layout = DataLayout(tmp_path)
    write_random_vgg16(layout.vgg16)
    weights = safetensors.torch.load_file(layout.vgg16)
    image = torch.rand(1, 3, 16, 16) * 2 - 1
    bgr = ((image + 1) * 127.5).flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    weight, bias = (weights[f"conv1_1.{part}"] for part in ("weight", "bias"))
    expected = F.relu(F.conv2d(bgr, weight, bias, padding=1))
    actual = load_vgg16(layout, ["relu1_1"])(image)["relu1_1"]
    assert torch.allclose(actual, expected, rtol=1e-4, atol=1e-2)


def test_vgg19_is_torchvisions(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    features = make_layers(cfgs["E"]).eval()
    monkeypatch.setattr(perceptual, "vgg19", lambda weights: SimpleNamespace(features=features))
    image = torch.rand(2, 3, 32, 32)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    with torch.no_grad():
        # In torchvision's sequence, relu1_2 is layer 3 and relu3_4 layer 17.
        expected = {"relu1_2": 4, "relu3_4": 18}
        network = load_vgg19(DataLayout(), list(expected))
        for name, features_seen in network(image * 2 - 1).items():
            wanted = features[: expected[name]]((image - mean) / std)
            assert torch.allclose(features_seen, wanted, atol=1e-4), name


def test_vgg19_without_network_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(weights: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(perceptual, "vgg19", refuse)
    with pytest.raises(DataError, match=r"cannot be downloaded: .*Choose --perceptual vgg16"):
        load_vgg19(DataLayout(), ["relu1_2"])


def test_missing_vgg16_and_unknown_layers_are_named(tmp_path: Path) -> None:
    layout = DataLayout(tmp_path)
    with pytest.raises(DataError, match=r"vgg16\.safetensors: missing; expected the VGG16 trunk"):
        load_vgg16(layout, ["relu1_1"])
    write_random_vgg16(layout.vgg16)
    with pytest.raises(SettingsError, match=r"expected some of relu1_1, relu1_2, .* got relu9_9"):
        load_vgg16(layout, ["relu9_9"])
    with pytest.raises(SettingsError, match=r"expected one of vgg16, vgg19, got 'vgg11'"):
        load_perceptual("vgg11", layout, ["relu1_1"])
