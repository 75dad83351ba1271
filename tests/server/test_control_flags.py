"""The flags of model control and of the response cache, on the gateway as its users start it."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from impasto import Client, ImpastoError
from running_server import REPOSITORY, RunningServer, failed_start, running_server
from tiny_models import write_model
from tritonclient.utils import InferenceServerException

CHAIN = {"landscapes_generator", "stylizer", "landscapes"}
_PATIENCE_SECONDS = 60


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The committed models and add_one, which asks for a response cache."""
    repository = Path(shutil.copytree(REPOSITORY, tmp_path / "models"))
    write_model(repository, "response_cache { enable: true }")
    return repository


def add_one(client: triton.InferenceServerClient) -> float:
    tensor = triton.InferInput("x", [1, 2], "FP32")
    tensor.set_data_from_numpy(np.zeros((1, 2), np.float32))
    return float(client.infer("add_one", [tensor]).as_numpy("y")[0, 0])


def ready_models(client: triton.InferenceServerClient) -> set[str]:
    models = client.get_model_repository_index().models
    return {item.name for item in models if item.state == "READY"}


def test_explicit(repository: Path) -> None:
    flags = ("--model-control-mode", "explicit", "--load-model", "landscapes")
    with running_server("--model-repository", str(repository), *flags) as server:
        with triton.InferenceServerClient(server.target) as client, Client(server.target) as ours:
            assert ready_models(client) == CHAIN
            assert len(ours.generate(count=1)) == 1
            client.load_model("add_one")
            assert add_one(client) == 1
            client.unload_model("add_one")
            with pytest.raises(InferenceServerException) as caught:
                add_one(client)
            assert caught.value.status() == "StatusCode.NOT_FOUND"
            assert client.is_server_ready()


def test_small_pictures_follow_the_chain_whether_their_ensemble_is_served(
    repository: Path,
) -> None:
    flags = ("--model-control-mode", "explicit", "--load-model", "landscapes")
    asked = {"seed": 7, "count": 2, "size": 64, "style": "great_wave"}
    with running_server(
        "--model-repository", str(repository), *flags, "--load-model", "landscapes_64"
    ) as server:
        with triton.InferenceServerClient(server.target) as client, Client(server.target) as ours:

            def made_together() -> int:
                (stats,) = client.get_inference_statistics("landscapes_64").model_stats
                return stats.inference_count

            assert [model.name for model in ours.models()] == ["landscapes"]
            before = made_together()
            pictures = ours.generate(**asked)
            assert made_together() == before + 2
            # A size of a chain has the chain's version, and goes with it.
            assert pictures[0].model_version == "1"
            (repository / "landscapes/2").mkdir()
            client.load_model("landscapes")
            assert ours.generate(**asked)[0].model_version == "2"
            (repository / "landscapes/2").rmdir()
            client.load_model("landscapes")
            client.unload_model("landscapes_64")
            assert ours.generate(**asked) == pictures
            client.load_model("landscapes_64")
            client.unload_model("landscapes")
            with pytest.raises(ImpastoError, match="landscapes"):
                ours.generate(**asked)


def test_several_models_from_the_environment(repository: Path) -> None:
    environment = {
        "IMPASTO_MODEL_CONTROL_MODE": "explicit",
        "IMPASTO_LOAD_MODEL": '["landscapes", "add_one"]',
        "IMPASTO_MODEL_REPOSITORY": str(repository),
    }
    with running_server(environment=environment) as server:
        with triton.InferenceServerClient(server.target) as client:
            assert ready_models(client) == {*CHAIN, "add_one"}


def test_poll(repository: Path) -> None:
    flags = ("--model-control-mode", "poll", "--repository-poll-secs", "0.1")
    with running_server("--model-repository", str(repository), *flags) as server:
        with triton.InferenceServerClient(server.target) as client:
            with pytest.raises(InferenceServerException, match="model control mode is poll"):
                client.load_model("add_one")
            write_model(repository, name="late")
            patience = time.monotonic() + _PATIENCE_SECONDS
            while not client.is_model_ready("late"):
                assert time.monotonic() < patience, "the new model was never served"
                time.sleep(0.02)


def test_response_cache(repository: Path) -> None:
    flags = ("--response-cache-byte-size", "1000000")
    with running_server("--model-repository", str(repository), *flags) as server:
        with triton.InferenceServerClient(server.target) as client:
            assert [add_one(client) for _ in range(3)] == [1, 1, 1]
            assert lookups(server) == {"miss": 1, "hit": 2}
            stats = client.get_inference_statistics("add_one").model_stats[0]
            assert (stats.inference_count, stats.execution_count) == (1, 1)
            assert stats.inference_stats.cache_hit.count == 2


def lookups(server: RunningServer) -> dict[str, float]:
    name = "impasto_cache_lookups_total"
    return {
        labels[1]: value
        for (metric, *labels), value in server.metrics().items()
        if metric == name and labels[0] == "add_one"
    }


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--load-model", "landscapes"], "--load-model needs --model-control-mode explicit"),
        (["--model-control-mode", "sometimes"], "model_control_mode"),
        (["--repository-poll-secs", "0"], "repository_poll_secs"),
        (["--response-cache-byte-size", "-1"], "response_cache_byte_size"),
        (
            ["--model-control-mode", "explicit", "--load-model", "poems"],
            "there is no model 'poems'; there are ['fashion', ",
        ),
        (
            ["--model-control-mode", "explicit"],
            "model 'landscapes': not served; served are []",
        ),
        (
            ["--engine", "triton", "--triton-url", "h:1", "--model-control-mode", "poll"],
            "model_control_mode: a matter of the Triton's own flags",
        ),
    ],
)
def test_flags_that_cannot_be(flags: list[str], message: str) -> None:
    assert message in failed_start(*flags)
