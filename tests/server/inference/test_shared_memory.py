"""System shared memory: tensors that do not travel, and what may go wrong with them."""

import os
import uuid
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import grpc
import numpy as np
import pytest
import tritonclient.utils.shared_memory as regions
from running_server import RunningServer
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as pb_grpc
from tritonclient.utils import InferenceServerException

SIZE = 4096


@pytest.fixture
def region() -> Iterator[SharedMemory]:
    shared = SharedMemory(create=True, size=SIZE)
    yield shared
    shared.close()
    shared.unlink()


@pytest.fixture
def stub(gateway: RunningServer) -> Iterator[pb_grpc.GRPCInferenceServiceStub]:
    with grpc.insecure_channel(gateway.target) as channel:
        yield pb_grpc.GRPCInferenceServiceStub(channel)
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        stub.SystemSharedMemoryUnregister(pb.SystemSharedMemoryUnregisterRequest())


def register(
    stub: pb_grpc.GRPCInferenceServiceStub,
    key: str,
    name: str = "r",
    offset: int = 0,
    byte_size: int = SIZE,
) -> None:
    stub.SystemSharedMemoryRegister(
        pb.SystemSharedMemoryRegisterRequest(
            name=name, key=key, offset=offset, byte_size=byte_size
        ),
        timeout=30,
    )


def infer(
    stub: pb_grpc.GRPCInferenceServiceStub,
    region: str = "r",
    offset: int = 0,
    byte_size: int = 16,
    output_size: int = 16,
) -> pb.ModelInferResponse:
    message = pb.ModelInferRequest(model_name="add_one")
    tensor = message.inputs.add(name="x", datatype="FP32", shape=[1, 4])
    output = message.outputs.add(name="y")
    for item, at, size in ((tensor, offset, byte_size), (output, 1024, output_size)):
        item.parameters["shared_memory_region"].string_param = region
        item.parameters["shared_memory_offset"].int64_param = at
        item.parameters["shared_memory_byte_size"].int64_param = size
    return stub.ModelInfer(message, timeout=30)


async def test_triton_clients_pass_tensors_by_region(client) -> None:
    """Through tritonclient's own module, both ways, at offsets."""
    name, key = f"in_{uuid.uuid4().hex}", f"/impasto_{uuid.uuid4().hex}"
    handle = regions.create_shared_memory_region(name, key, SIZE)
    try:
        x = np.arange(8, dtype=np.float32).reshape(2, 4)
        regions.set_shared_memory_region(handle, [x], offset=64)
        await client.call("register_system_shared_memory", name, key, SIZE)
        status = await client.document("get_system_shared_memory_status", name)
        (about,) = status["regions"].values() if isinstance(status, dict) else status
        assert (about["name"], about["key"], int(about["byte_size"])) == (name, key, SIZE)
        tensor = client.module.InferInput("x", [2, 4], "FP32")
        tensor.set_shared_memory(name, x.nbytes, offset=64)
        output = client.output("y")
        output.set_shared_memory(name, x.nbytes, offset=512)
        result = await client.call("infer", "add_one", [tensor], outputs=[output])
        assert result.get_output("y") is not None
        y = regions.get_contents_as_numpy(handle, np.float32, [2, 4], offset=512)
        np.testing.assert_array_equal(y, x + 1)
        with pytest.raises(InferenceServerException, match="is registered"):
            await client.call("register_system_shared_memory", name, key, SIZE)
        await client.call("unregister_system_shared_memory", name)
        with pytest.raises(InferenceServerException, match="is not registered"):
            await client.call("get_system_shared_memory_status", name)
        # No error, as in Triton.
        await client.call("unregister_system_shared_memory", name)
    finally:
        regions.destroy_shared_memory_region(handle)


def test_region_begins_at_its_offset(stub, region: SharedMemory) -> None:
    register(stub, region.name, offset=256, byte_size=2048)
    region.buf[256 + 32 : 256 + 48] = np.arange(4, dtype=np.float32).tobytes()
    assert list(infer(stub, offset=32).raw_output_contents) == [b""]
    y = np.frombuffer(region.buf[256 + 1024 : 256 + 1040], np.float32).copy()
    np.testing.assert_array_equal(y, [1, 2, 3, 4])


def test_status_lists_all(stub, region: SharedMemory) -> None:
    for name in "ab":
        register(stub, f"/{region.name}", name)
    request = pb.SystemSharedMemoryStatusRequest()
    assert {*stub.SystemSharedMemoryStatus(request, timeout=30).regions} == {"a", "b"}


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ({"region": "other"}, grpc.StatusCode.NOT_FOUND),
        ({"offset": SIZE}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"offset": SIZE - 15}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"offset": -16}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"offset": 2**63 - 1}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"byte_size": 15}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"byte_size": 20}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"byte_size": -1}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"output_size": 15}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"output_size": 2**62}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_out_of_bounds_is_refused(stub, region: SharedMemory, where, code) -> None:
    register(stub, region.name)
    with pytest.raises(grpc.RpcError) as caught:
        infer(stub, **where)
    assert caught.value.code() is code
    assert bytes(region.buf) == bytes(region.size), "nothing was written"


@pytest.mark.parametrize(
    "key",
    ["", "/", "..", "/..", ".", "a/b", "/../etc/passwd", "//etc/passwd", "none", "\0", "x" * 300],
)
def test_only_plain_names_are_opened(stub, key: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        register(stub, key, byte_size=4)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_links_pipes_and_folders_are_not_opened(stub, tmp_path: Path) -> None:
    folder = Path("/dev/shm")
    name = f"impasto_{uuid.uuid4().hex}"
    (tmp_path / "secret").write_bytes(bytes(64))
    makers = [
        lambda path: path.symlink_to(tmp_path / "secret"),
        os.mkfifo,
        Path.mkdir,
    ]
    for make in makers:
        make(folder / name)
        try:
            with pytest.raises(grpc.RpcError) as caught:
                register(stub, name, byte_size=4)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        finally:
            (folder / name).rmdir() if (folder / name).is_dir() else (folder / name).unlink()


@pytest.mark.parametrize(
    "bounds",
    [
        {"byte_size": SIZE + 1},
        {"offset": SIZE, "byte_size": 1},
        {"byte_size": 0},
        {"byte_size": 2**64 - 1},
        {"offset": 2**64 - 1, "byte_size": 2},
    ],
)
def test_region_must_lie_within_its_file(stub, region: SharedMemory, bounds) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        register(stub, region.name, **bounds)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_region_that_shrinks_does_not_kill_the_server(stub, region: SharedMemory) -> None:
    register(stub, region.name)
    os.truncate(f"/dev/shm/{region.name}", 8)
    with pytest.raises(grpc.RpcError) as caught:
        infer(stub)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "expected 16 bytes to read, got 8" in caught.value.details()
    assert stub.ServerLive(pb.ServerLiveRequest(), timeout=30).live
    os.truncate(f"/dev/shm/{region.name}", SIZE)


def test_switched_off_by_default(server: RunningServer) -> None:
    with grpc.insecure_channel(server.target) as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        for call in (lambda: register(stub, "x"), lambda: infer(stub)):
            with pytest.raises(grpc.RpcError, match="--allow-client-shm") as caught:
                call()
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_regions_are_bounded(stub, region: SharedMemory) -> None:
    for index in range(256):
        register(stub, region.name, str(index))
    with pytest.raises(grpc.RpcError) as caught:
        register(stub, region.name, "one more")
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
