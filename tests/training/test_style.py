"""The stylizer, its codes, its encoder, and the optimiser that is their reference."""

import itertools
import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from synthetic_data import write_picture, write_random_lite0, write_random_vgg16
from training_runs import command, latest

from training.data.layout import DataLayout
from training.errors import SettingsError
from training.pretrained.lite0 import load_lite0
from training.pretrained.vgg import load_vgg16
from training.style import gatys
from training.style.encoder import ENCODER_TAPS, StyleEncoder, StyleHead
from training.style.losses import (
    Objective,
    content_loss,
    gram,
    measure_style,
    parse_layer_weights,
    style_loss,
    total_variation,
)
from training.style.networks import Stylizer, StylizerShape
from training.style.pool import measure, variations

OBJECTIVE = Objective("relu2_1", {"relu1_2": 1.0, "relu2_1": 0.5}, 1.0, 5.0, 0.05)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> DataLayout:
    made = DataLayout(tmp_path_factory.mktemp("networks"))
    write_random_vgg16(made.vgg16)
    write_random_lite0(made.lite0)
    return made


def picture(height: int = 32, width: int = 48, count: int = 1) -> torch.Tensor:
    random = torch.Generator().manual_seed(5)
    coarse = torch.rand(count, 3, 5, 6, generator=random) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=[height, width], mode="bilinear")


def random_codes(stylizer: Stylizer, count: int) -> torch.Tensor:
    noise = 0.3 * torch.randn(count, stylizer.code_size)
    return stylizer.initial_codes(count) + noise * stylizer.trained_part()


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 47), (101, 64), (34, 1024)])
def test_any_size_comes_out_as_it_went_in(height: int, width: int, separable: bool) -> None:
    stylizer = Stylizer(StylizerShape(8, 8, 8, 1, separable=separable))
    image = picture(height, width)
    assert stylizer(image, random_codes(stylizer, 1)).shape == image.shape


def test_identity_code_returns_the_picture() -> None:
    stylizer = Stylizer()
    image = picture(count=2)
    identity = stylizer.identity_code(random_codes(stylizer, 3)).expand(2, -1)
    assert torch.equal(stylizer(image, identity), image)


def test_strength_and_mixes_are_continuous() -> None:
    stylizer = Stylizer()
    codes = random_codes(stylizer, 2)
    ends = torch.stack([stylizer.identity_code(codes), codes[0]])
    for first, second in (ends, codes):
        weights = torch.linspace(0, 1, 21)[:, None]
        mixed = torch.lerp(first[None], second[None], weights)
        with torch.no_grad():
            painted = stylizer(picture().expand(21, -1, -1, -1), mixed)
        steps = (painted[1:] - painted[:-1]).abs().mean(dim=(1, 2, 3))
        assert steps.max() < 0.2 * steps.sum()


def test_kept_colours_change_the_luminance_alone() -> None:
    stylizer = Stylizer()
    image = picture() * 0.4
    code = random_codes(stylizer, 1)
    # A faint painting, so that nothing is clipped at black or white.
    code[:, -8:-2] *= 0.05
    kept = code.clone()
    kept[:, -1] = 1.0
    painted, coloured = stylizer(image, code), stylizer(image, kept)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)

    def luminance(pixels: torch.Tensor) -> torch.Tensor:
        return (pixels * luma).sum(dim=1, keepdim=True)

    assert torch.allclose(luminance(coloured), luminance(painted), atol=1e-5)
    assert torch.allclose(coloured - luminance(coloured), image - luminance(image), atol=1e-5)


def test_each_picture_of_a_batch_follows_its_own_code() -> None:
    # In double precision, so that only a real mix-up of rows makes a difference.
    stylizer = Stylizer().double()
    codes = random_codes(stylizer, 2).double()
    image = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    both = stylizer(image.expand(2, -1, -1, -1), codes)
    for index in range(2):
        alone = stylizer(image, codes[index : index + 1])
        assert torch.allclose(both[index : index + 1], alone, atol=1e-10)
    assert not torch.allclose(both[0], both[1], atol=1e-2)


def test_style_losses_are_zero_at_the_target_and_ignore_position() -> None:
    features = torch.rand(2, 8, 6, 6)
    assert content_loss(features, features) == 0
    shuffled = features.flatten(2)[:, :, torch.randperm(36)].view_as(features)
    grams = {"a": gram(features)}
    assert style_loss({"a": shuffled}, grams, {"a": 3.0}) == pytest.approx(0, abs=1e-6)
    assert content_loss(shuffled, features) > 0
    assert content_loss(2 * features, features) == pytest.approx(1, abs=1e-5)
    assert total_variation(torch.ones(1, 3, 4, 4)) == 0


def test_layer_weights_weigh() -> None:
    features = {"a": torch.rand(1, 4, 5, 5), "b": torch.rand(1, 4, 5, 5)}
    grams = {name: gram(torch.rand(1, 4, 5, 5)) for name in features}
    alone = {name: style_loss(features, grams, {name: 1.0}) for name in features}
    both = style_loss(features, grams, parse_layer_weights("a=3, b"))
    assert torch.isclose(both, (3 * alone["a"] + alone["b"]) / 4)
    for text in ("a=0", "a=heavy", "a,,b"):
        with pytest.raises(SettingsError, match="expected LAYER or LAYER=WEIGHT"):
            parse_layer_weights(text)


def test_encoder_reads_pictures_of_any_size(layout: DataLayout) -> None:
    stylizer = Stylizer()
    head = StyleHead(stylizer.trained_part())
    torch.nn.init.normal_(head.to_code.weight)
    encoder = StyleEncoder(load_lite0(layout, ENCODER_TAPS), head)
    large, small = encoder(picture(96, 160)), encoder(picture(48, 80))
    assert large.shape == (1, stylizer.code_size)
    assert (large[:, -2:] == 0).all(), "carry and colour are not a style's to set"
    assert not torch.allclose(large, encoder(picture(96, 160).flip(1)), atol=1e-3)
    assert small.shape == large.shape


def test_the_pool_varies_and_measures(layout: DataLayout) -> None:
    made = variations(picture(64, 64), 5, torch.Generator().manual_seed(0))
    assert torch.equal(made[0], picture(64, 64))
    layers = ["relu1_2"]
    pool = measure(made, load_vgg16(layout, layers), layers, load_lite0(layout, ENCODER_TAPS))
    assert len(pool) == 5
    chosen = pool.rows(torch.tensor([3, 1]))
    assert torch.equal(chosen.grams["relu1_2"], pool.grams["relu1_2"][[3, 1]])
    assert len(chosen.joined(pool)) == 7


@pytest.mark.parametrize("method", gatys.METHODS)
@pytest.mark.parametrize("start", gatys.STARTS)
def test_the_optimiser_falls_below_its_start(layout: DataLayout, method: str, start: str) -> None:
    perceptual = load_vgg16(layout, OBJECTIVE.layers)
    grams = measure_style(perceptual, picture(40, 40).flip(1), OBJECTIVE.layer_weights)
    steps = gatys.optimise(picture(), grams, OBJECTIVE, perceptual, method, start)
    losses = [step.loss for step in itertools.islice(steps, 12)]
    assert losses[-1] < 0.9 * losses[0]
    newest = next(steps)
    assert newest.iteration == 12
    assert newest.picture.abs().max() <= 1


def test_gatys_command(layout: DataLayout, tmp_path: Path) -> None:
    for name in ("content", "style"):
        write_picture(tmp_path / f"{name}.png", (64, 48), seed=len(name))
    flags = ["--content", "content.png", "--style", "style.png", "--output", "out.png"]
    flags = [str(tmp_path / flag) if flag.endswith(".png") else flag for flag in flags]
    flags += ["--iterations", "2", "--side", "32", "--data", str(layout.root)]
    flags += ["--content-layer", "relu2_1", "--style-layers", "relu1_2"]
    done = CliRunner().invoke(gatys.main, flags)
    assert done.exit_code == 0, done.output
    assert "after 2 iterations" in done.output
    assert (tmp_path / "out.png").exists()
    done = CliRunner().invoke(gatys.main, [*flags, "--method", "sgd"])
    assert done.exit_code == 1
    assert "method: expected one of lbfgs, adam, got 'sgd'" in done.output


def test_adding_a_style_trains_its_own_numbers_only(
    style_run: Path, data: Path, tmp_path: Path
) -> None:
    before = latest(style_run).tensors
    run = tmp_path / "added"
    flags = ["--stylizer", style_run, "--run", run, "--data", data]
    flags += ["--steps", "12", "--name", "mine"]
    picture_path = write_picture(tmp_path / "mine.png", seed=9)
    status, output = command("training.style.add", "--picture", picture_path, *flags)
    assert status == 0, output
    added = latest(run)
    assert added.state["config"]["name"] == "mine"
    assert added.tensors["code"].shape == before["codes"][0].shape
    after = latest(style_run).tensors
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    first = (run / "log.jsonl").read_text().splitlines()[0]
    assert {"content", "style", "smoothness"} <= json.loads(first).keys()
