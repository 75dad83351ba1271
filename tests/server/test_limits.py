"""What one API key may ask for, and that it gets back what it has used."""

import asyncio
import json
import queue
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
import running_server as servers
import tritonclient.grpc as triton
from api_keys import make_key, run_keys
from impasto import AsyncClient, Client, Credentials, ImpastoError, PictureFormat
from running_server import RunningServer, failed_start, running_server

PATIENCE = 60
PLACES = "the API key's own limit is reached, max_in_flight: 1"
RATE = "the API key's own limit is reached, requests_per_second: 0.5"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    slow = ("--requests-per-second", "0.5", "--burst", "2")
    made = {
        "free": make_key(path, "free"),
        "slow": make_key(path, "slow", *slow),
        "slow2": make_key(path, "slow2", *slow),
        "narrow": make_key(path, "narrow", "--max-in-flight", "1"),
    }
    assert "null" not in path.read_text()
    return made | {"file": str(path)}


@pytest.fixture(scope="module")
def limited(keys: dict[str, str]) -> Iterator[RunningServer]:
    with running_server("--api-keys", keys["file"]) as running:
        yield running


def refused(running: RunningServer, limit: str) -> float:
    return running.total("impasto_rejections_total", reason=limit)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_rate_is_held_over_grpc_and_the_hint_is_true(
    limited: RunningServer, keys: dict[str, str]
) -> None:
    before = refused(limited, "rate_limit")
    with Client(limited.target, credentials=Credentials(keys["slow"])) as client:
        client.models()
        client.models()
        with pytest.raises(ImpastoError) as caught:
            client.models()
        assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert caught.value.details.startswith(RATE)
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 2
        # Other keys do not feel it.
        with Client(limited.target, credentials=Credentials(keys["free"])) as other:
            for _ in range(5):
                other.models()
        time.sleep(caught.value.retry_after)
        client.models()
    assert refused(limited, "rate_limit") == before + 1


def test_a_rate_is_held_over_rest(limited: RunningServer, keys: dict[str, str]) -> None:
    url, headers = f"{limited.http}/v1/models", bearer(keys["slow2"])
    answers = [httpx.get(url, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"].startswith(RATE)
    assert answers[2].headers["retry-after"] in {"1", "2"}


async def back(running: RunningServer, key: str) -> None:
    """Wait until the key's one place is free again."""
    patience = time.monotonic() + PATIENCE
    async with AsyncClient(running.target, credentials=Credentials(key)) as client:
        while not await let_in(client):
            assert time.monotonic() < patience, "the place never came back"
            await asyncio.sleep(0.01)


async def let_in(client: AsyncClient) -> bool:
    try:
        await client.models()
    except ImpastoError as error:
        if error.code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise
        return False
    return True


async def test_a_stream_holds_a_place_as_long_as_it_runs(
    limited: RunningServer, keys: dict[str, str]
) -> None:
    before = refused(limited, "concurrency_limit")
    async with AsyncClient(limited.target, credentials=Credentials(keys["narrow"])) as client:
        stream = client.generate_stream(count=64, seed=0)
        await anext(stream)
        with pytest.raises(ImpastoError) as caught:
            await client.models()
        assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert caught.value.details.startswith(PLACES)
        assert caught.value.retry_after == 1.0
        answer = httpx.get(f"{limited.http}/v1/picture", headers=bearer(keys["narrow"]))
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert answer.json()["error"].startswith(PLACES)
        assert refused(limited, "concurrency_limit") == before + 2
        await stream.aclose()
        await back(limited, keys["narrow"])
        # To its end.
        assert len([index async for index, _ in client.generate_stream(count=2)]) == 2
        await back(limited, keys["narrow"])


async def test_errors_and_deadlines_give_the_place_back(
    limited: RunningServer, keys: dict[str, str]
) -> None:
    credentials = Credentials(keys["narrow"])
    async with AsyncClient(limited.target, credentials=credentials) as client:
        with pytest.raises(ImpastoError, match="INVALID_ARGUMENT"):
            await client.generate(style="mona_lisa")
        await back(limited, keys["narrow"])
    async with AsyncClient(limited.target, timeout=0.2, credentials=credentials) as hurried:
        with pytest.raises(ImpastoError, match="DEADLINE_EXCEEDED"):
            await hurried.generate(count=64)
    await back(limited, keys["narrow"])
    url, headers = f"{limited.http}/v1/generate", bearer(keys["narrow"])
    assert httpx.post(url, headers=headers, json={"count": 0}).status_code == 400
    await back(limited, keys["narrow"])


async def test_callers_who_leave_give_the_place_back(
    limited: RunningServer, keys: dict[str, str]
) -> None:
    headers, body = bearer(keys["narrow"]), {"count": 64}
    async with httpx.AsyncClient(base_url=limited.http, headers=headers) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/v1/generate", json=body, timeout=0.2)
        await back(limited, keys["narrow"])
        async with client.stream("POST", "/v1/generate/stream", json=body) as answer:
            assert answer.status_code == 200
            await anext(answer.aiter_lines())
            refusal = httpx.get(f"{limited.http}/v1/models", headers=headers)
            assert refusal.status_code == 429
    await back(limited, keys["narrow"])


async def test_who_takes_nothing_of_a_stream_gives_the_place_back(
    keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = (
        "import server.calls; server.calls.STALL_SECONDS = 0.5; "
        "from server.__main__ import main; main()"
    )
    command = servers.server_command

    def changed(*flags: str) -> list[str]:
        return [sys.executable, "-c", impatient, *command(*flags)[3:]]

    monkeypatch.setattr(servers, "server_command", changed)
    with running_server("--api-keys", keys["file"]) as running:
        with Client(running.target, credentials=Credentials(keys["narrow"])) as client:
            stream = client.generate_stream(
                count=64, size=512, picture_format=PictureFormat.RAW_RGB8
            )
            next(stream)
            # It is neither read nor closed.
            await back(running, keys["narrow"])
            stream.close()


async def test_requests_of_one_inference_stream_are_calls(
    limited: RunningServer, keys: dict[str, str]
) -> None:
    answers: queue.Queue[tuple[triton.InferResult | None, Exception | None]] = queue.Queue()
    latent = triton.InferInput("latent", [1, 64], "FP32")
    latent.set_data_from_numpy(np.ones((1, 64), np.float32))
    with triton.InferenceServerClient(limited.target) as client:
        client.start_stream(
            lambda result, error: answers.put((result, error)), headers=bearer_metadata(keys)
        )
        for _ in range(8):
            client.async_stream_infer("landscapes_generator", [latent])
        errors = [answers.get(timeout=PATIENCE)[1] for _ in range(8)]
        client.stop_stream()
    assert errors[0] is None
    late = [str(error) for error in errors if error is not None]
    assert late
    assert all(PLACES in text for text in late)
    await back(limited, keys["narrow"])


def bearer_metadata(keys: dict[str, str]) -> dict[str, str]:
    return {"authorization": f"Bearer {keys['narrow']}"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--burst", "2"], "Value error, burst needs requests_per_second"),
        (["--requests-per-second", "0"], "requests_per_second: Input should be greater than"),
        (["--requests-per-second", "nan"], "requests_per_second: Input should be"),
        (["--max-in-flight", "0"], "max_in_flight: Input should be greater than or equal to 1"),
    ],
)
def test_limits_out_of_bounds_make_no_key(tmp_path: Path, flags: list[str], message: str) -> None:
    done = run_keys(tmp_path / "keys.json", "studio", *flags)
    assert done.returncode == 1
    assert message in done.stderr
    assert not (tmp_path / "keys.json").exists()


def test_a_file_with_a_limit_out_of_bounds_does_not_start(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    make_key(path, "studio")
    document = json.loads(path.read_text())
    document["keys"][0]["max_in_flight"] = -1
    path.write_text(json.dumps(document))
    assert "keys.0.max_in_flight: Input should be greater than" in failed_start(
        "--api-keys", str(path)
    )
