"""From checkpoints to a repository that the engine serves, and the parity check's teeth."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from google.protobuf import text_format
from onnx import numpy_helper
from synthetic_data import write_random_lite0
from tritonclient.grpc.model_config_pb2 import ModelConfig

from export.__main__ import main
from export.errors import ParityError
from export.models import style_models
from export.onnx_file import OPSET
from export.parity import check_parity
from export.styles import main as add_style
from server.engines.base import InferenceRequest
from server.engines.onnxruntime.engine import OnnxRuntimeEngine
from training import checkpoint
from training.checkpoint import Checkpoint, load_newest, prefixed
from training.data.layout import DataLayout
from training.gan.networks.build import build_discriminator, build_generator
from training.style.encoder import StyleHead
from training.style.networks import Stylizer

STYLES = ["great_wave", "cafe_terrace"]
LAYOUT = DataLayout()
GAN = {
    "latent_size": 16,
    "generator_width": 10,
    "discriminator_width": 4,
    "batch": 2,
    "network": "dcgan",
    "discriminator": "dcgan",
    "spectral_norm": True,
    "data_set": "landscapes",
    "resolution": 32,
    "conditional": False,
    "channels": 3,
    "classes": [],
    "seed": 0,
}
GANS = {
    "scenes": GAN,
    "clothes": GAN
    | {"conditional": True, "channels": 1, "classes": list("abc"), "data_set": "fashion"},
}


def write_gan(folder: Path, config: dict) -> None:
    size, channels = config["resolution"], config["channels"]
    classes = len(config["classes"])
    generator = build_generator("dcgan", size, channels, 16, 10, classes)
    discriminator = build_discriminator("dcgan", size, channels, 4, classes, LAYOUT, True)
    tensors = prefixed("average", generator.state_dict())
    tensors |= prefixed("discriminator", discriminator.state_dict())
    checkpoint.save(folder, Checkpoint(10, {"config": config}, tensors))
    (folder / "log.jsonl").write_text('{"step": 10, "fd_lite0": 3.5, "kd_lite0": 0.5}\n')


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of small untrained networks."""
    folder = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    for name, config in GANS.items():
        write_gan(folder / name, config)
    stylizer = Stylizer()
    head = StyleHead(stylizer.trained_part())
    tensors = prefixed("stylizer", stylizer.state_dict()) | prefixed("head", head.state_dict())
    noise = 0.1 * torch.randn(2, stylizer.code_size) * stylizer.trained_part()
    tensors["codes"] = stylizer.initial_codes(2) + noise
    state = {"config": {"batch": 2, "styles": STYLES}}
    checkpoint.save(folder / "style", Checkpoint(10, state, tensors))
    layout = DataLayout(folder / "data")
    layout.root.mkdir()
    write_random_lite0(layout.lite0)
    return folder


@pytest.fixture(scope="module")
def repository(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("export") / "models"
    result = export(runs, target)
    assert result.exit_code == 0, result.output
    for output in ("image", "canvas", "score", "pixels", "style_code"):
        for batch in (1, 3, 8):
            assert f"{output}, batch {batch}: maximum absolute error " in result.output
    return target


def export(runs: Path, target: Path, *gans: str):
    flags = [word for name in gans or GANS for word in ("--gan", str(runs / name))]
    if not gans:
        flags += ["--style", str(runs / "style")]
    flags += ["--data", str(runs / "data")]
    return CliRunner().invoke(main, [*flags, "--repository", str(target)])


def test_writes_tritons_layout(repository: Path) -> None:
    files = {str(path.relative_to(repository)) for path in repository.rglob("*") if path.is_file()}
    models = [f"{name}_{kind}" for name in GANS for kind in ("generator", "discriminator")]
    # Grey clothes are no pictures for the stylizer before they are enlarged.
    ensembles = [*GANS, "scenes_32"]
    assert files == {
        *(f"{name}/config.pbtxt" for name in (*ensembles, *models, "stylizer", "style_encoder")),
        *(f"{name}/1/model.onnx" for name in (*models, "stylizer", "style_encoder")),
        *(f"{name}/1/.gitkeep" for name in ensembles),
        "stylizer/styles.json",
        "stylizer/checkpoint-000000010/state.json",
        "stylizer/checkpoint-000000010/tensors.safetensors",
    }
    table = json.loads((repository / "stylizer/styles.json").read_text())
    assert [style["name"] for style in table["styles"]] == STYLES


@pytest.mark.parametrize("name", ["scenes_generator", "clothes_discriminator", "stylizer"])
def test_batch_axis_is_dynamic_and_provenance_is_inside(repository: Path, name: str) -> None:
    model = onnx.load(repository / name / "1/model.onnx")
    assert model.opset_import[0].version == OPSET
    for tensor in [*model.graph.input, *model.graph.output]:
        assert tensor.type.tensor_type.shape.dim[0].dim_param
    about = {entry.key: entry.value for entry in model.metadata_props}
    wanted = ("data", "licence", "credits", "recipe", "steps", "pictures", "seed", "grid")
    assert about.keys() >= {f"training.{key}" for key in wanted}
    if name == "scenes_generator":
        assert about["training.fd_lite0"] == "3.5"


async def test_the_engine_serves_what_was_exported(repository: Path, runs: Path) -> None:
    text = (repository / "scenes_generator/config.pbtxt").read_text()
    generator = text_format.Parse(text, ModelConfig())
    assert generator.parameters["impasto.own_size"].string_value == "scenes_32"
    engine = OnnxRuntimeEngine(repository)
    await engine.start()
    codes = load_newest(runs / "style").tensors["codes"].numpy()
    inputs = {"latent": np.ones((2, 16), np.float32), "style_code": codes}
    pixels = (await engine.infer(InferenceRequest("scenes", inputs))).outputs["pixels"]
    small = (await engine.infer(InferenceRequest("scenes_32", inputs))).outputs["pixels"]
    inputs["label"] = np.eye(3, dtype=np.float32)[:2]
    clothes = (await engine.infer(InferenceRequest("clothes", inputs))).outputs["pixels"]
    image = {"image": np.zeros((1, 3, 61, 48), np.float32)}
    code = (await engine.infer(InferenceRequest("style_encoder", image))).outputs["style_code"]
    await engine.close()
    for made, side in ((pixels, 256), (small, 32), (clothes, 256)):
        assert (made.shape, made.dtype) == ((2, side, side, 3), np.uint8)
        assert not np.array_equal(made[0], made[1])
    assert code.shape == (1, codes.shape[1])


@pytest.mark.parametrize("sides", [(32, 32), (33, 50), (101, 77)])
def test_stylizer_takes_any_side(repository: Path, runs: Path, sides: tuple[int, int]) -> None:
    model, _ = style_models(load_newest(runs / "style"), DataLayout(runs / "data"))
    assert len(list(check_parity(model, repository / "stylizer/1/model.onnx", sides))) == 3


def test_parity_check_fails_on_other_weights(repository: Path, runs: Path, tmp_path: Path) -> None:
    proto = onnx.load(repository / "stylizer/1/model.onnx")
    weight = max(proto.graph.initializer, key=lambda item: len(item.raw_data))
    array = numpy_helper.to_array(weight) * np.float32(1.01)
    array[0] += 0.05
    weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    onnx.save(proto, tmp_path / "model.onnx")
    model, _ = style_models(load_newest(runs / "style"), DataLayout(runs / "data"))
    with pytest.raises(ParityError, match=r"is over 1e-03|bytes differ by"):
        list(check_parity(model, tmp_path / "model.onnx"))


def test_a_generator_alone_joins_the_stylizer_that_is_there(
    repository: Path, runs: Path, tmp_path: Path
) -> None:
    result = export(runs, tmp_path / "empty", "scenes")
    assert result.exit_code == 1
    assert "expected the stylizer's configuration" in result.output
    before = (repository / "stylizer/styles.json").stat().st_mtime_ns
    result = export(runs, repository, "scenes")
    assert result.exit_code == 0, result.output
    assert (repository / "stylizer/styles.json").stat().st_mtime_ns == before


def test_an_added_style_joins_the_table(repository: Path, tmp_path: Path) -> None:
    about = {"name": "mine", "title": "Mine", "artist": "Me"}
    size = len(json.loads((repository / "stylizer/styles.json").read_text())["identity"])
    checkpoint.save(tmp_path / "mine", Checkpoint(5, {"config": about}, {"code": torch.ones(size)}))
    flags = ["--stylizer", str(repository / "stylizer")]
    for _ in range(2):
        result = CliRunner().invoke(add_style, [str(tmp_path / "mine"), *flags])
        assert result.exit_code == 0, result.output
    table = json.loads((repository / "stylizer/styles.json").read_text())
    assert [style["name"] for style in table["styles"]] == [*STYLES, "mine"]
    checkpoint.save(tmp_path / "other", Checkpoint(5, {"config": about}, {"code": torch.ones(9)}))
    result = CliRunner().invoke(add_style, [str(tmp_path / "other"), *flags])
    assert result.exit_code == 1
    assert "its code has 9 numbers, the stylizer of" in result.output


def test_missing_checkpoint_says_what_to_run(tmp_path: Path) -> None:
    result = export(tmp_path, tmp_path / "models")
    assert result.exit_code == 1
    assert "expected a checkpoint, found none; run `make train` first" in result.output
    assert not (tmp_path / "models").exists()
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    assert "nothing to export: give --gan RUN, --style RUN or both" in result.output


def test_failed_export_leaves_the_repository_as_it_was(
    repository: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    entries = len(list(repository.iterdir()))
    monkeypatch.setattr("export.parity.TOLERANCE", -1.0)
    result = export(runs, repository)
    assert result.exit_code == 1
    assert "maximum absolute error" in result.output
    assert {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()} == before
    assert len(list(repository.iterdir())) == entries, "no staging folder stays"


def test_swapped_runs_are_named(runs: Path, tmp_path: Path) -> None:
    flags = ["--gan", str(runs / "style"), "--data", str(runs / "data")]
    result = CliRunner().invoke(main, [*flags, "--repository", str(tmp_path / "models")])
    assert result.exit_code == 1
    assert "expected a checkpoint of a GAN, got one with ['batch', 'styles']" in result.output
