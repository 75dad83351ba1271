"""From checkpoints to a repository that the engine serves, and the parity check's teeth."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from onnx import numpy_helper

from export.__main__ import main
from export.errors import ParityError
from export.models import load_checkpoint, stylizer_model
from export.onnx_file import OPSET
from export.parity import check_parity
from server.engines.base import InferenceRequest
from server.engines.onnxruntime.engine import OnnxRuntimeEngine
from training import checkpoint
from training.checkpoint import Checkpoint, prefixed
from training.gan.networks import Discriminator, Generator
from training.style.networks import Stylizer

STYLES = ["great_wave", "cafe_terrace"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of small untrained networks."""
    folder = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    config = {"latent_size": 16, "generator_width": 10, "discriminator_width": 4, "batch": 2}
    tensors = prefixed("average", Generator(16, 10).state_dict())
    tensors |= prefixed("discriminator", Discriminator(4).state_dict())
    checkpoint.save(folder / "gan", Checkpoint(10, {"config": config}, tensors))
    stylizer = Stylizer()
    tensors = prefixed("stylizer", stylizer.state_dict())
    tensors["codes"] = stylizer.initial_codes(2) + 0.1 * torch.randn(2, stylizer.code_size)
    state = {"config": {"batch": 2, "styles": STYLES}}
    checkpoint.save(folder / "style", Checkpoint(10, state, tensors))
    return folder


@pytest.fixture(scope="module")
def repository(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("export") / "models"
    result = export(runs, target)
    assert result.exit_code == 0, result.output
    for output in ("image", "canvas", "score", "pixels"):
        for batch in (1, 3, 8):
            assert f"{output}, batch {batch}: maximum absolute error " in result.output
    return target


def export(runs: Path, target: Path):
    flags = ["--gan", str(runs / "gan"), "--style", str(runs / "style")]
    return CliRunner().invoke(main, [*flags, "--repository", str(target)])


def test_writes_tritons_layout(repository: Path) -> None:
    files = {str(path.relative_to(repository)) for path in repository.rglob("*") if path.is_file()}
    assert files == {
        "generator/config.pbtxt",
        "generator/1/model.onnx",
        "discriminator/config.pbtxt",
        "discriminator/1/model.onnx",
        "stylizer/config.pbtxt",
        "stylizer/1/model.onnx",
        "stylizer/styles.json",
        "painting/config.pbtxt",
        "painting/1/.gitkeep",
    }
    table = json.loads((repository / "stylizer/styles.json").read_text())
    assert [style["name"] for style in table["styles"]] == STYLES


@pytest.mark.parametrize("name", ["generator", "discriminator", "stylizer"])
def test_batch_axis_is_dynamic_and_opset_pinned(repository: Path, name: str) -> None:
    model = onnx.load(repository / name / "1/model.onnx")
    assert model.opset_import[0].version == OPSET
    for tensor in [*model.graph.input, *model.graph.output]:
        assert tensor.type.tensor_type.shape.dim[0].dim_param
    assert {entry.key for entry in model.metadata_props} >= {"training.pictures"}


async def test_the_engine_serves_what_was_exported(repository: Path, runs: Path) -> None:
    engine = OnnxRuntimeEngine(repository)
    await engine.start()
    codes = load_checkpoint(runs / "style").tensors["codes"].numpy()
    inputs = {"latent": np.ones((2, 16), np.float32), "style_code": codes}
    pixels = (await engine.infer(InferenceRequest("painting", inputs))).outputs["pixels"]
    await engine.close()
    assert (pixels.shape, pixels.dtype) == ((2, 256, 256, 3), np.uint8)
    assert not np.array_equal(pixels[0], pixels[1])


@pytest.mark.parametrize("side", [16, 48, 100])
def test_stylizer_takes_any_side_that_is_a_multiple_of_four(
    repository: Path, runs: Path, side: int
) -> None:
    model = stylizer_model(load_checkpoint(runs / "style"))
    assert len(list(check_parity(model, repository / "stylizer/1/model.onnx", side))) == 3


def test_parity_check_fails_on_other_weights(repository: Path, runs: Path, tmp_path: Path) -> None:
    proto = onnx.load(repository / "stylizer/1/model.onnx")
    weight = max(proto.graph.initializer, key=lambda item: len(item.raw_data))
    array = numpy_helper.to_array(weight) * np.float32(1.01)
    array[0] += 0.05
    weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    onnx.save(proto, tmp_path / "model.onnx")
    model = stylizer_model(load_checkpoint(runs / "style"))
    with pytest.raises(ParityError, match=r"is over 1e-03|bytes differ by"):
        list(check_parity(model, tmp_path / "model.onnx"))


def test_missing_checkpoint_says_what_to_run(tmp_path: Path) -> None:
    result = export(tmp_path, tmp_path / "models")
    assert result.exit_code == 1
    assert "expected a checkpoint, found none; run `make train` first" in result.output
    assert not (tmp_path / "models").exists()


def test_failed_export_leaves_the_repository_as_it_was(
    repository: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    monkeypatch.setattr("export.parity.TOLERANCE", -1.0)
    result = export(runs, repository)
    assert result.exit_code == 1
    assert "maximum absolute error" in result.output
    assert {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()} == before
    assert len(list(repository.iterdir())) == 4, "no staging folder stays"


def test_swapped_runs_are_named(runs: Path, tmp_path: Path) -> None:
    flags = ["--gan", str(runs / "style"), "--style", str(runs / "gan")]
    result = CliRunner().invoke(main, [*flags, "--repository", str(tmp_path / "models")])
    assert result.exit_code == 1
    assert "expected a checkpoint of the GAN, got one with ['batch', 'styles']" in result.output
