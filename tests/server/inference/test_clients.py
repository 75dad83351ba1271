"""tritonclient, unmodified, in all its four forms: everything that it can ask."""

from collections.abc import Callable

import numpy as np
import pytest
from running_server import RunningServer
from tritonclient.utils import InferenceServerException

Run = Callable[..., dict[str, np.ndarray]]
MODELS = [
    "add_one",
    "fashion",
    "fashion_discriminator",
    "fashion_generator",
    "landscapes",
    "landscapes_64",
    "landscapes_discriminator",
    "landscapes_generator",
    "nebulae",
    "nebulae_64",
    "nebulae_discriminator",
    "nebulae_generator",
    "style_encoder",
    "stylizer",
]


def latent(rows: int = 1) -> np.ndarray:
    return np.random.default_rng(rows).standard_normal((rows, 64)).astype(np.float32)


async def test_server_and_models_are_ready(client) -> None:
    assert await client.call("is_server_live")
    assert await client.call("is_server_ready")
    assert await client.call("is_model_ready", "landscapes")
    assert await client.call("is_model_ready", "landscapes", "1")
    assert not await client.call("is_model_ready", "landscapes", "2")
    assert not await client.call("is_model_ready", "mona_lisa")


async def test_server_says_what_it_is(client) -> None:
    about = await client.document("get_server_metadata")
    assert about["name"] == "impasto"
    assert {"binary_tensor_data", "statistics", "system_shared_memory"} <= {*about["extensions"]}


@pytest.mark.parametrize("version", ["", "1"])
async def test_metadata(client, version: str) -> None:
    about = await client.document("get_model_metadata", "landscapes", version)
    assert about["name"] == "landscapes"
    assert about["versions"] == ["1"]
    assert [item["name"] for item in about["inputs"]] == ["latent", "style_code"]
    (pixels,) = about["outputs"]
    assert (pixels["name"], pixels["datatype"]) == ("pixels", "UINT8")
    assert [int(size) for size in pixels["shape"]] == [-1, 256, 256, 3]


@pytest.mark.parametrize("version", ["", "1"])
async def test_config(client, version: str) -> None:
    about = await client.document("get_model_config", "landscapes", version)
    config = about.get("config", about)
    assert config["name"] == "landscapes"
    assert config["max_batch_size"] == 8
    steps = config["ensemble_scheduling"]["step"]
    assert [step["model_name"] for step in steps] == ["landscapes_generator", "stylizer"]
    assert steps[0]["input_map"] == {"latent": "latent"}
    if client.kind.startswith("http"):
        assert config["input"][0]["dims"] == [64]


async def test_statistics_count(client) -> None:
    async def inferences() -> int:
        about = await client.document("get_inference_statistics", "add_one", "1")
        (model,) = about["model_stats"]
        return int(model.get("inference_count", 0))

    before = await inferences()
    await client.call("infer", "add_one", [client.input("x", np.zeros((3, 2), np.float32))])
    assert await inferences() == before + 3
    every = await client.document("get_inference_statistics")
    assert {model["name"] for model in every["model_stats"]} == {*MODELS}
    if client.kind.startswith("http"):
        success = every["model_stats"][0]["inference_stats"]["success"]
        assert type(success["ns"]) is int, "a number, as Triton has it"


async def test_index(client) -> None:
    about = await client.document("get_model_repository_index")
    models = about["models"] if isinstance(about, dict) else about
    assert [(model["name"], model["state"]) for model in models] == [
        (name, "READY") for name in MODELS
    ]


@pytest.mark.parametrize("rows", [1, 3])
async def test_infer_gives_what_onnxruntime_gives(client, run_onnx: Run, rows: int) -> None:
    z = latent(rows)
    expected = run_onnx("landscapes_generator", latent=z)
    result = await client.call(
        "infer", "landscapes_generator", [client.input("latent", z)], request_id="q7"
    )
    for name in ("image", "canvas"):
        np.testing.assert_allclose(result.as_numpy(name), expected[name], atol=1e-5)
    about = result.get_response()
    about = about if isinstance(about, dict) else {"id": about.id, "version": about.model_version}
    assert about["id"] == "q7"
    assert about.get("version", about.get("model_version")) == "1"


async def test_uint8_pixels_of_the_ensemble(client, run_onnx: Run) -> None:
    z, code = latent(), np.zeros((1, 1352), np.float32)
    canvas = run_onnx("landscapes_generator", latent=z)["canvas"]
    expected = run_onnx("stylizer", image=canvas, style_code=code)["pixels"]
    inputs = [client.input("latent", z), client.input("style_code", code)]
    pixels = (await client.call("infer", "landscapes", inputs, model_version="1")).as_numpy(
        "pixels"
    )
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - expected).max() <= 1


async def test_only_wanted_outputs(client, run_onnx: Run) -> None:
    z = latent()
    result = await client.call(
        "infer",
        "landscapes_generator",
        [client.input("latent", z)],
        outputs=[client.output("image")],
    )
    np.testing.assert_allclose(
        result.as_numpy("image"), run_onnx("landscapes_generator", latent=z)["image"], atol=1e-5
    )
    assert result.as_numpy("canvas") is None


async def test_parameters_are_taken(client) -> None:
    x = np.ones((1, 4), np.float32)
    result = await client.call(
        "infer",
        "add_one",
        [client.input("x", x)],
        priority=1,
        timeout=30_000_000,
        parameters={"colour": "blue", "size": 3, "wild": True},
    )
    np.testing.assert_array_equal(result.as_numpy("y"), x + 1)


# aiohttp dislikes what tritonclient hands it.
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_megapixel_tensor_passes(client) -> None:
    x = np.arange(3 * 1024 * 1024, dtype=np.float32).reshape(1, -1)
    result = await client.call("infer", "add_one", [client.input("x", x)])
    np.testing.assert_array_equal(result.as_numpy("y"), x + 1)


@pytest.mark.parametrize(
    ("model", "inputs", "options", "grpc_code", "http_code"),
    [
        ("mona_lisa", {"x": (1, 4)}, {}, "NOT_FOUND", "404"),
        ("add_one", {"x": (1, 4)}, {"model_version": "9"}, "NOT_FOUND", "404"),
        ("add_one", {"y": (1, 4)}, {}, "INVALID_ARGUMENT", "400"),
        ("add_one", {}, {}, "INVALID_ARGUMENT", "400"),
        ("add_one", {"x": (1, 4), "z": (1, 4)}, {}, "INVALID_ARGUMENT", "400"),
        ("add_one", {"x": (5, 4)}, {}, "INVALID_ARGUMENT", "400"),
        ("add_one", {"x": (1, 4, 4)}, {}, "INVALID_ARGUMENT", "400"),
        ("add_one", {"x": (1, 4)}, {"outputs": ["q"]}, "INVALID_ARGUMENT", "400"),
        ("add_one", {"x": (1, 4)}, {"classes": 3}, "UNIMPLEMENTED", "501"),
    ],
)
async def test_errors_carry_their_code(
    client, model, inputs, options, grpc_code, http_code
) -> None:
    tensors = [client.input(key, np.zeros(size, np.float32)) for key, size in inputs.items()]
    if "outputs" in options:
        options = {"outputs": [client.output(name) for name in options["outputs"]]}
    if "classes" in options:
        options = {"outputs": [client.output("y", class_count=options["classes"])]}
    with pytest.raises(InferenceServerException) as caught:
        await client.call("infer", model, tensors, **options)
    code = f"StatusCode.{grpc_code}" if client.kind.startswith("grpc") else http_code
    assert caught.value.status() == code
    assert caught.value.message()


async def test_wrong_datatype_is_refused(client) -> None:
    with pytest.raises(InferenceServerException, match="add_one"):
        await client.call("infer", "add_one", [client.input("x", np.zeros((1, 4), np.float64))])


async def test_loading_needs_explicit_control(client) -> None:
    code = "StatusCode.UNIMPLEMENTED" if client.kind.startswith("grpc") else "501"
    for method in ("load_model", "unload_model"):
        with pytest.raises(InferenceServerException) as caught:
            await client.call(method, "add_one")
        assert caught.value.status() == code


async def test_load_with_a_broken_config_is_refused(client) -> None:
    for config in ("{", '{"max_batch": 3}', "[" * 100_000):
        with pytest.raises(InferenceServerException, match="parameter config of model 'add_one'"):
            await client.call("load_model", "add_one", config=config)


async def test_what_is_not_there_says_so(client) -> None:
    code = "StatusCode.UNIMPLEMENTED" if client.kind.startswith("grpc") else "404"
    with pytest.raises(InferenceServerException) as caught:
        await client.call("get_cuda_shared_memory_status")
    assert caught.value.status() == code


async def test_calls_are_counted(client, gateway: RunningServer) -> None:
    codes = ("OK", "NOT_FOUND")
    before = [gateway.calls("ModelInfer", code) for code in codes]
    tensor = client.input("x", np.zeros((1, 1), np.float32))
    await client.call("infer", "add_one", [tensor])
    with pytest.raises(InferenceServerException):
        await client.call("infer", "mona_lisa", [tensor])
    after = [gateway.calls("ModelInfer", code) for code in codes]
    assert after == [before[0] + 1, before[1] + 1]
