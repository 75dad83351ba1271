"""A broken model repository stops the start with place and reason; nothing half-loads."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from running_server import REPOSITORY, failed_start


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REPOSITORY, tmp_path / "models"))


def corrupt_model(repository: Path) -> None:
    path = repository / "stylizer/1/model.onnx"
    path.write_bytes(path.read_bytes()[:1000])


def edit(path: str, old: str, new: str) -> Callable[[Path], None]:
    def apply(repository: Path) -> None:
        file = repository / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    return apply


def remove(path: str) -> Callable[[Path], None]:
    def apply(repository: Path) -> None:
        target = repository / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    return apply


def shorten_code(repository: Path) -> None:
    path = repository / "stylizer/styles.json"
    table = json.loads(path.read_text())
    table["styles"][0]["code"].pop()
    path.write_text(json.dumps(table))


CASES: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "corrupt model": (corrupt_model, ["stylizer/1/model.onnx: onnxruntime cannot load it: "]),
    "missing model": (
        remove("landscapes_generator/1/model.onnx"),
        ["landscapes_generator/1/model.onnx: missing; version 1 needs this file"],
    ),
    "no version": (
        remove("landscapes_generator/1"),
        ["landscapes_generator: expected a version folder"],
    ),
    "missing config": (
        remove("landscapes_generator/config.pbtxt"),
        ["landscapes_generator/config.pbtxt: cannot be read (No such file or directory)"],
    ),
    "typo in config": (
        edit("stylizer/config.pbtxt", "max_batch_size", "max_batchsize"),
        ["stylizer/config.pbtxt:2:1: ", 'no field named "max_batchsize"'],
    ),
    "unsupported field": (
        edit(
            "stylizer/config.pbtxt",
            "dynamic_batching {\n",
            'model_operations { op_library_filename: "fast.so" }\ndynamic_batching {\n',
        ),
        ["stylizer/config.pbtxt:", "model_operations.op_library_filename is not supported"],
    ),
    "another name": (
        edit("stylizer/config.pbtxt", 'name: "stylizer"', 'name: "painter"'),
        ["stylizer/config.pbtxt:1: expected the folder's name 'stylizer', got 'painter'"],
    ),
    "another backend": (
        edit("stylizer/config.pbtxt", '"onnxruntime"', '"tensorrt"'),
        [
            "stylizer/config.pbtxt:",
            "expected backend: \"onnxruntime\", got 'tensorrt' and platform ''",
        ],
    ),
    "wrong dims": (
        edit("landscapes_generator/config.pbtxt", "dims: 64", "dims: 65"),
        ["landscapes_generator/config.pbtxt:", "'latent': the file's shape is ['batch', 64]"],
    ),
    "unknown tensor": (
        edit("landscapes_discriminator/config.pbtxt", '"score"', '"scores"'),
        ["landscapes_discriminator/config.pbtxt:", "output 'scores' is not in", "it has ['score']"],
    ),
    "ensemble of unknown model": (
        edit("landscapes/config.pbtxt", 'model_name: "stylizer"', 'model_name: "painter"'),
        ["landscapes/config.pbtxt:", "step 'painter': no such model; the repository has ["],
    ),
    "ensemble that does not fit": (
        edit(
            "landscapes/config.pbtxt",
            "dims: 256\n  dims: 256\n  dims: 3",
            "dims: 128\n  dims: 128\n  dims: 4",
        ),
        ["landscapes/config.pbtxt:", "pixels: expected dims [128, 128, 4]"],
    ),
    "unsupported policy": (
        edit(
            "stylizer/config.pbtxt",
            "dynamic_batching {",
            "model_transaction_policy { decoupled: true }\ndynamic_batching {",
        ),
        ["stylizer/config.pbtxt:", "model_transaction_policy.decoupled is not supported"],
    ),
    "empty unsupported message": (
        edit(
            "stylizer/config.pbtxt",
            "dynamic_batching {",
            "batch_input {}\ndynamic_batching {",
        ),
        ["stylizer/config.pbtxt:", "batch_input is not supported"],
    ),
    "version that is not there": (
        edit(
            "landscapes_generator/config.pbtxt",
            "max_batch",
            "version_policy { specific { versions: [1, 7] } }\nmax_batch",
        ),
        ["landscapes_generator/config.pbtxt:2: version_policy: expected ", "missing are ['7']"],
    ),
    "warm-up that does not fit": (
        edit(
            "landscapes_generator/config.pbtxt",
            "max_batch",
            'model_warmup { name: "one" batch_size: 1 }\nmax_batch',
        ),
        [
            "landscapes_generator/config.pbtxt:2: model_warmup 'one': ",
            "expected the inputs ['latent'], got []",
        ],
    ),
    "warm-up of an ensemble": (
        edit("landscapes/config.pbtxt", "max_batch", "model_warmup {}\nmax_batch"),
        ["landscapes/config.pbtxt:3: an ensemble has no model_warmup"],
    ),
    "another platform": (
        edit(
            "landscapes_generator/config.pbtxt",
            "max_batch",
            'platform: "tensorflow_savedmodel"\nmax_batch',
        ),
        [
            "landscapes_generator/config.pbtxt:",
            "got 'onnxruntime' and platform 'tensorflow_savedmodel'",
        ],
    ),
    "negative count": (
        edit(
            "landscapes_generator/config.pbtxt",
            "max_batch",
            "instance_group { count: -3 }\nmax_batch",
        ),
        ["landscapes_generator/config.pbtxt:2: expected a count, got -3"],
    ),
    "input without dims": (
        edit("landscapes/config.pbtxt", "  dims: 64\n", ""),
        ["landscapes/config.pbtxt:", "landscapes_generator.latent: expected dims [64] "],
    ),
    "open latent": (
        edit("landscapes/config.pbtxt", "dims: 64", "dims: -1"),
        ["model 'landscapes': expected inputs ", "'label', FP32 of one fixed dimension"],
    ),
    "pixels of another size": (
        edit("landscapes/config.pbtxt", "dims: 256\n  dims: 256", "dims: 128\n  dims: 128"),
        ["pixels is declared as [128, 128, 3], the models make [256, 256, 3]"],
    ),
    "no ensemble for the own size": (
        edit("landscapes_generator/config.pbtxt", "landscapes_64", "stylizer"),
        [
            "model 'stylizer': expected inputs ",
            "impasto.own_size in that of 'landscapes_generator'",
        ],
    ),
    "own size of another side": (
        edit("landscapes_64/config.pbtxt", "dims: 64\n  dims: 64", "dims: -1\n  dims: -1"),
        ["model 'landscapes_64': expected inputs ", "impasto.own_size"],
    ),
    "ensemble without version": (
        remove("landscapes/1"),
        ["landscapes: expected a version folder"],
    ),
    "no style table": (
        remove("stylizer/styles.json"),
        ["stylizer/styles.json: cannot be read (No such file or directory)"],
    ),
    "style code of another length": (
        shorten_code,
        ["stylizer/styles.json: great_wave: expected a code of ", " numbers, got "],
    ),
    "broken style table": (
        edit("stylizer/styles.json", '"identity"', '"identify"'),
        ["stylizer/styles.json: identity: Field required"],
    ),
}


@pytest.mark.parametrize(("breakage", "expected"), CASES.values(), ids=CASES.keys())
def test_names_place_and_reason(
    repository: Path, breakage: Callable[[Path], None], expected: list[str]
) -> None:
    breakage(repository)
    message = failed_start("--model-repository", str(repository))
    for part in expected:
        assert part in message


def test_missing_repository(tmp_path: Path) -> None:
    message = failed_start("--model-repository", str(tmp_path / "none"))
    assert "none: expected a model repository folder, found none" in message


def test_unknown_model_lists_the_served_ones() -> None:
    message = failed_start("--model", "poems")
    assert "model 'poems': not served; served are ['fashion', 'fashion_discriminator', " in message


def test_model_that_makes_no_pictures_is_refused() -> None:
    message = failed_start("--model", "landscapes_discriminator")
    assert "model 'landscapes_discriminator': expected inputs 'latent', 'style_code'" in message
