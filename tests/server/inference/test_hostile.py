"""Input that is wrong on purpose is refused with a reason, and does no harm."""

import gzip
import json
import socket
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from running_server import RunningServer
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as pb_grpc

BODY_LIMIT = 16 * 1024 * 1024
Message = pb.ModelInferRequest


@pytest.fixture
def stub(gateway: RunningServer) -> Iterator[pb_grpc.GRPCInferenceServiceStub]:
    with grpc.insecure_channel(gateway.target) as channel:
        yield pb_grpc.GRPCInferenceServiceStub(channel)


@pytest.fixture
def post(gateway: RunningServer) -> Iterator[Any]:
    with httpx.Client(base_url=gateway.http, timeout=60) as client:

        def post(content: bytes, path: str = "/v2/models/add_one/infer", **headers: str) -> Any:
            names = {key.replace("_", "-"): value for key, value in headers.items()}
            return client.post(path, content=content, headers=names)

        yield post


def message(
    shape: list[int],
    raw: list[bytes] | None = None,
    datatype: str = "FP32",
    **contents: list[Any],
) -> Message:
    result = Message(model_name="add_one", raw_input_contents=raw or [])
    tensor = result.inputs.add(name="x", datatype=datatype, shape=shape)
    for field, values in contents.items():
        getattr(tensor.contents, field).extend(values)
    return result


def twice() -> Message:
    result = message([1, 1], [bytes(4), bytes(4)])
    result.inputs.append(result.inputs[0])
    return result


def with_parameter(key: str, field: str, value: Any) -> Message:
    result = message([1, 1], [bytes(4)])
    setattr(result.parameters[key], field, value)
    return result


GRPC_CASES = {
    "raw and typed": (message([1, 1], [bytes(4)], fp32_contents=[1]), "typed contents"),
    "too few bytes": (message([1, 2], [bytes(7)]), "8 bytes for FP32 [1, 2], got 7"),
    "too many bytes": (message([1, 2], [bytes(9)]), "got 9 bytes"),
    "no contents": (message([1, 2]), "2 elements"),
    "raw without input": (message([1, 1], [bytes(4), bytes(4)]), "raw_input_contents"),
    "input twice": (twice(), "each name once"),
    "negative size": (message([-1, -1], [bytes(4)]), "no negative sizes"),
    "huge shape": (message([2**62, 2**62], [bytes(4)]), "got 4 bytes"),
    "huge empty shape": (message([0, 2**62, 2**62], [b""]), "a smaller one"),
    "huge typed shape": (message([2**40], fp32_contents=[1]), "1099511627776 elements"),
    "many dimensions": (message([1] * 100_000, [bytes(4)]), "at most 32 dimensions"),
    "unknown datatype": (message([1, 1], [bytes(4)], "FP33"), "one of BOOL, INT8"),
    "no datatype": (message([1, 1], [bytes(4)], ""), "one of BOOL, INT8"),
    "wrong field": (message([1, 1], int_contents=[1]), "fp32_contents"),
    "two fields": (message([1, 1], fp32_contents=[1], int_contents=[1]), "fp32_contents"),
    "wrong number": (message([1, 2], fp32_contents=[1]), "2 elements for shape [1, 2], got 1"),
    "typed FP16": (message([1, 1], datatype="FP16", fp32_contents=[1]), "raw_input_contents"),
    "INT8 out of range": (message([1, 1], datatype="INT8", int_contents=[128]), "INT8"),
    "negative timeout": (with_parameter("timeout", "int64_param", -1), "parameter timeout"),
    "text as priority": (with_parameter("priority", "string_param", "high"), "priority"),
    "huge priority": (with_parameter("priority", "uint64_param", 2**64 - 1), "priority"),
}


@pytest.mark.parametrize(("request_", "reason"), GRPC_CASES.values(), ids=GRPC_CASES)
def test_grpc_refuses(stub, request_: Message, reason: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(request_, timeout=60)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason in caught.value.details()


def test_bytes_are_not_supported(stub) -> None:
    with pytest.raises(grpc.RpcError, match="BYTES is not supported") as caught:
        stub.ModelInfer(message([1, 1], datatype="BYTES", bytes_contents=[b"a"]), timeout=60)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("name", ["x" * 1_000_000, "\u00e9" * 1_000_000])
def test_overlong_names_are_cut_in_the_answer(stub, name: str) -> None:
    for broken in (Message(model_name=name), message([1, 1], [bytes(4)])):
        broken.inputs.add(name=name, datatype="FP33")
        with pytest.raises(grpc.RpcError) as caught:
            stub.ModelInfer(broken, timeout=60)
        assert caught.value.code() in {
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.NOT_FOUND,
        }
        assert len(caught.value.details()) < 1000


def test_oversized_message_is_refused(stub) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(message([1, BODY_LIMIT // 4], [bytes(BODY_LIMIT)]), timeout=60)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert stub.ModelInfer(message([1, 1], [bytes(4)]), timeout=60)


def test_typed_contents(stub) -> None:
    answer = stub.ModelInfer(message([1, 3], fp32_contents=[1, 2.5, -3]), timeout=60)
    y = np.frombuffer(answer.raw_output_contents[0], np.float32)
    np.testing.assert_array_equal(y, [2, 3.5, -2])


def test_methods_that_are_not_there(stub) -> None:
    for method, request in (
        (stub.TraceSetting, pb.TraceSettingRequest()),
        (stub.LogSettings, pb.LogSettingsRequest()),
        (stub.CudaSharedMemoryStatus, pb.CudaSharedMemoryStatusRequest()),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            method(request, timeout=60)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def document(**changes: Any) -> dict[str, Any]:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]} | changes
    return {"inputs": [{key: value for key, value in tensor.items() if value is not None}]}


BINARY = {"data": None, "parameters": {"binary_data_size": 8}}
HTTP_CASES: dict[str, tuple[Any, str]] = {
    "an array": ([], "request: expected a JSON object, got list"),
    "inputs no array": ({"inputs": {}}, "inputs: expected a JSON array, got dict"),
    "input no object": ({"inputs": [1]}, "inputs entry: expected a JSON object, got int"),
    "outputs no array": (document() | {"outputs": 1}, "outputs: expected a JSON array"),
    "output without name": (document() | {"outputs": [{}]}, "output name: expected a text"),
    "parameters no object": (document() | {"parameters": 7}, "parameters: expected a JSON"),
    "id no text": (document() | {"id": 7}, "request id: expected a text, got 7"),
    "no name": (document(name=None), "input name: expected a text, got None"),
    "no datatype": (document(datatype=None), "datatype: expected a text, got None"),
    "unknown datatype": (document(datatype="FP33"), "one of BOOL"),
    "FP16 data": (document(datatype="FP16"), "FP16 as raw bytes"),
    "no shape": (document(shape=None), "shape: expected whole numbers, got []"),
    "shape of texts": (document(shape=["1", "2"]), "shape: expected whole numbers"),
    "shape of truths": (document(shape=[True, 2]), "shape: expected whole numbers"),
    "negative size": (document(shape=[-1, -2]), "no negative sizes"),
    "huge shape": (document(shape=[2**62, 2**62]), "elements for shape"),
    "no data": (document(data=None), "one of data, binary_data_size, shared memory, got 0"),
    "two sources": (document(parameters=BINARY["parameters"]), "got 2"),
    "too few numbers": (document(data=[1]), "2 elements for shape [1, 2], got 1"),
    "ragged": (document(data=[[1], [2, 3]]), "values of FP32"),
    "texts": (document(data=["1", "2"]), "values of FP32"),
    "nulls": (document(data=[None, None]), "values of FP32"),
    "objects": (document(data={"a": 1}), "elements"),
    "truths as numbers": (document(data=[True, False]), "values of FP32"),
    "fraction as whole": (document(datatype="INT32", data=[1.5, 2]), "values of INT32"),
    "out of range": (document(datatype="UINT8", data=[256, -1]), "values of UINT8"),
    "float overflow": (document(data=[1e300, 1]), "values of FP32"),
    "integer overflow": (document(datatype="INT64", data=[2**64, 1]), "values of INT64"),
    "input twice": ({"inputs": document()["inputs"] * 2}, "each name once"),
    "binary beyond the body": (document(**BINARY), "at most 0, got 8"),
    "negative binary size": (document(data=None, parameters={"binary_data_size": -1}), "from 0"),
    "text as timeout": (document() | {"parameters": {"timeout": "1"}}, "parameter timeout"),
    "no flag": (document() | {"parameters": {"binary_data_output": 1}}, "true or false"),
}


@pytest.mark.parametrize(("body", "reason"), HTTP_CASES.values(), ids=HTTP_CASES)
def test_http_refuses(post, body: Any, reason: str) -> None:
    answer = post(json.dumps(body).encode())
    assert answer.status_code == 400, answer.text
    assert reason in answer.json()["error"]


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[" * 1_000_000, b'{"a": ' * 100_000, b"9" * 10_000, b"nul"]
)
def test_http_refuses_broken_json(post, body: bytes) -> None:
    answer = post(body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(("body: expected a JSON document", "request:"))


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "\u0661", "99999999", "9" * 5000])
def test_http_refuses_broken_header_length(gateway: RunningServer, length: str) -> None:
    headers = {"Inference-Header-Content-Length": length.encode()}
    answer = httpx.post(f"{gateway.http}/v2/models/add_one/infer", content=b"{}", headers=headers)
    assert answer.status_code == 400
    assert "inference-header-content-length" in answer.json()["error"]


def binary_body(size: int, sent: int) -> tuple[bytes, dict[str, str]]:
    body = document(data=None, parameters={"binary_data_size": size})
    header = json.dumps(body).encode()
    return header + bytes(sent), {"Inference_Header_Content_Length": str(len(header))}


def test_http_binary_sizes_must_agree(post) -> None:
    for size, sent, reason in (
        (8, 7, "at most 7, got 8"),
        (8, 9, "no more than the inputs name, got 1 bytes"),
        (4, 4, "8 bytes for FP32 [1, 2], got 4 bytes"),
    ):
        body, headers = binary_body(size, sent)
        answer = post(body, **headers)
        assert answer.status_code == 400
        assert reason in answer.json()["error"]
    body, headers = binary_body(8, 8)
    assert post(body, **headers).json()["outputs"][0]["data"] == [1, 1]


def test_http_refuses_oversized_bodies(post) -> None:
    for content in (bytes(BODY_LIMIT + 1), iter([bytes(1024 * 1024)] * 17)):
        answer = post(content)
        assert answer.status_code == 413
        assert str(BODY_LIMIT) in answer.json()["error"]


def test_http_refuses_what_becomes_large_when_unpacked(post) -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    assert len(bomb) < 100_000
    assert post(bomb, Content_Encoding="gzip").status_code == 413


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"no gzip", "gzip"),
        (gzip.compress(b"{}", mtime=0)[:-5], "gzip"),
        (gzip.compress(b"{}", mtime=0) + b"more", "gzip"),
        (zlib.compress(b"{}")[:3], "deflate"),
        (b"{}", "br"),
    ],
)
def test_http_refuses_broken_encodings(post, body: bytes, encoding: str) -> None:
    assert post(body, Content_Encoding=encoding).status_code == 400


@pytest.mark.parametrize(("encode", "name"), [(gzip.compress, "gzip"), (zlib.compress, "deflate")])
def test_http_takes_compressed_bodies(post, encode, name: str) -> None:
    answer = post(encode(json.dumps(document()).encode()), Content_Encoding=name)
    assert answer.json()["outputs"][0] == {
        "name": "y",
        "datatype": "FP32",
        "shape": [1, 2],
        "data": [2, 3],
    }


def test_http_unknown_paths_answer_json(post) -> None:
    answer = post(b"", "/v2/models/add_one/paint")
    assert answer.status_code == 404
    assert answer.json() == {"error": "there is no POST /v2/models/add_one/paint"}


def test_callers_that_hang_up_do_no_harm(gateway: RunningServer, post) -> None:
    host, port = gateway.http.removeprefix("http://").split(":")
    head = b"POST /v2/models/add_one/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    for _ in range(20):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head)
            # Closing sends a reset.
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert post(json.dumps(document()).encode()).status_code == 200
