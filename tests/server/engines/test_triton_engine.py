"""What only the Triton engine has to do: TLS, falling back, waiting, and Tritons that go away."""

import asyncio
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from running_triton import RunningTriton, needs_triton, running_triton

from server.engines.base import Deadline, InferenceRequest, InferenceResult
from server.engines.triton.channel import Tls, open_channel
from server.engines.triton.engine import TritonEngine, TritonOptions
from server.errors import DeadlineExceeded, NotSupported, StartupError, Unavailable

SERVER_NAME = "triton.test"
DEAD = "127.0.0.1:1"
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl command")


def request(model: str, value: float = 1, deadline: Deadline | None = None) -> InferenceRequest:
    inputs = {"x": np.full((1, 512), value, np.float32)}
    return InferenceRequest(model, inputs, deadline=deadline or Deadline())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """One certificate that signs itself, for Triton and for us."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", f"/CN={SERVER_NAME}", "-addext", f"subjectAltName=DNS:{SERVER_NAME}"]
    command += ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    return Tls(certificate, certificate, key, SERVER_NAME)


@pytest.fixture(scope="module")
def guarded(
    certificate: Tls, contract_repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningTriton]:
    """A Triton that wants to see a certificate and lets nobody register shared memory."""
    repository = tmp_path_factory.mktemp("guarded")
    for model in ("add_one", "busy"):
        shutil.copytree(contract_repository / model, repository / model)
    flags = [
        "--grpc-use-ssl-mutual=true",
        f"--grpc-server-cert={certificate.certificate}",
        f"--grpc-server-key={certificate.key}",
        f"--grpc-root-cert={certificate.ca}",
        "--grpc-restricted-protocol=shared-memory:secret=unknown",
    ]
    with running_triton(*flags, repository=repository) as running:
        yield running


@needs_triton
@needs_openssl
async def test_mutual_tls(guarded: RunningTriton, certificate: Tls) -> None:
    engine = TritonEngine(TritonOptions([guarded.url], certificate))
    await engine.start()
    result = await engine.infer(request("add_one", 4))
    assert set(result.outputs["y"][0].tolist()) == {5.0}
    await engine.close()
    for tls in (None, Tls(certificate.ca, server_name=SERVER_NAME), Tls(certificate.ca)):
        stranger = TritonEngine(TritonOptions([guarded.url], tls, patience=0))
        with pytest.raises(StartupError, match=guarded.url):
            await stranger.start()
        await stranger.close()


@needs_triton
@needs_openssl
async def test_refused_shared_memory_is_said_once_and_tensors_travel_by_grpc(
    guarded: RunningTriton, certificate: Tls, caplog: pytest.LogCaptureFixture
) -> None:
    engine = TritonEngine(TritonOptions([guarded.url], certificate, shared_memory=True))
    await engine.start()
    with caplog.at_level(logging.WARNING):
        for value in range(3):
            result = await engine.infer(request("add_one", value))
            assert set(result.outputs["y"][0].tolist()) == {value + 1.0}
    (warning,) = caplog.messages
    assert warning.startswith("no shared memory with Triton, tensors travel over gRPC: ")
    await engine.close()


@needs_triton
@needs_openssl
async def test_draining_triton_is_unavailable_and_finishes_what_it_accepted(
    guarded: RunningTriton, certificate: Tls
) -> None:
    """Last with this Triton. It answers new requests with NOT_FOUND then, which would mislead."""
    engine = TritonEngine(TritonOptions([guarded.url], certificate))
    await engine.start()
    accepted = [asyncio.create_task(engine.infer(request("busy", n))) for n in range(8)]
    await asyncio.wait(accepted, return_when=asyncio.FIRST_COMPLETED)
    guarded.process.send_signal(signal.SIGTERM)
    while await engine.ready():
        await asyncio.sleep(0.01)
    with pytest.raises(Unavailable, match="is exiting"):
        await engine.infer(request("busy"))
    assert {type(result) for result in await asyncio.gather(*accepted)} == {InferenceResult}
    await engine.close()


@needs_triton
@pytest.mark.parametrize("urls", [[DEAD, "{url}"], ["{url}", DEAD], ["localhost:1", "{url}"]])
async def test_dead_endpoints_are_passed_over(triton: RunningTriton, urls: list[str]) -> None:
    engine = TritonEngine(TritonOptions([url.format(url=triton.url) for url in urls]))
    await engine.start()
    for value in range(6):
        result = await engine.infer(request("add_one", value))
        assert set(result.outputs["y"][0].tolist()) == {value + 1.0}
    with pytest.raises(NotSupported, match="several Tritons"):
        await engine.load("add_one")
    await engine.close()


def shared_regions() -> set[Path]:
    """This process's; other tests in it may have left some."""
    return set(Path("/dev/shm").glob(f"impasto-{os.getpid()}-*"))


@needs_triton
async def test_shared_memory_is_not_reused_while_triton_may_write_to_it(
    triton: RunningTriton,
) -> None:
    """A late request's answer must not end in another request's tensors."""
    before = shared_regions()
    engine = TritonEngine(TritonOptions([triton.url], shared_memory=True))
    await engine.start()
    late = [engine.infer(request("busy", n, Deadline.after(0.2))) for n in range(8)]
    results = await asyncio.gather(*late, return_exceptions=True)
    assert isinstance(results[-1], DeadlineExceeded)
    assert len(shared_regions() - before) == 8
    await engine.infer(request("add_one"))
    own = shared_regions() - before
    assert len(own) > len(engine._memory._running), "one that Triton may still write to"
    await engine.close()
    assert shared_regions() <= before
    with pytest.raises(Unavailable, match="closed"):
        await engine.infer(request("add_one"))


@needs_triton
async def test_free_shared_memory_is_used_again(triton: RunningTriton) -> None:
    before = shared_regions()
    engine = TritonEngine(TritonOptions([triton.url], shared_memory=True))
    await engine.start()
    for value in range(5):
        result = await engine.infer(request("add_one", value))
        assert set(result.outputs["y"][0].tolist()) == {value + 1.0}
        assert len(shared_regions() - before) == 1
    await engine.close()


async def test_absent_triton_stops_the_start() -> None:
    engine = TritonEngine(TritonOptions([DEAD], patience=0.3))
    with pytest.raises(StartupError, match=rf"{DEAD} was not ready after .* mend --triton-url"):
        await engine.start()
    await engine.close()


async def test_names_and_files_are_checked_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"cannot resolve 'no-such-host\.invalid'"):
        await open_channel(["no-such-host.invalid:8001", DEAD], None)
    with pytest.raises(StartupError, match=r"absent\.pem: expected a PEM file"):
        await open_channel([DEAD], Tls(tmp_path / "absent.pem"))
