"""Any server of the Open Inference Protocol v2 over HTTP, with tensors as bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import quote

from loadtest.errors import LoadTestError
from loadtest.targets.base import Answer, Connection, Statistics
from loadtest.targets.http_calls import HttpCalls
from loadtest.targets.model_statistics import statistics
from loadtest.targets.requests import TensorRequest
from loadtest.targets.tensors import Input, tensors


class OipHttpTarget:
    """Inference over HTTP.

    Attributes:
        posts: path, body and headers of each request, once connected.

    Args:
        connection: how to reach the server.
        requests: as `TensorRequest` has them.
    """

    def __init__(self, connection: Connection, requests: Sequence[dict[str, Any]]) -> None:
        self._calls = HttpCalls(connection)
        self._requests = [TensorRequest.model_validate(request) for request in requests]
        self.posts: list[tuple[str, bytes, dict[str, str]]] = []
        self._prepared: list[tuple[bytes, bytes]] = []
        self._server = ""

    async def __aenter__(self) -> Self:
        """Connect, and make tensors for what the models say that they take."""
        try:
            told = await self._calls.get("/v2")
            self._server = f"{told.get('name', '')} {told.get('version', '')}".strip()
            self.posts = [await self._post(request) for request in self._requests]
            self._prepared = [
                (self._calls.head("POST", path, headers), body)
                for path, body, headers in self.posts
            ]
        except BaseException:
            self._calls.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        self._calls.close()

    async def call(self, entry: int, seed: int) -> Answer:
        """Infer."""
        return await self._calls.post(*self._prepared[entry], 0)

    async def server(self) -> str:
        """As its metadata says."""
        return self._server

    async def statistics(self) -> Statistics | None:
        """By Triton's extension of the protocol; other servers do not have it."""
        try:
            told = await self._calls.get("/v2/models/stats")
        except LoadTestError:
            return None
        models = [
            (
                model["name"],
                {
                    name: (value.get("count", 0), value.get("ns", 0))
                    for name, value in model.get("inference_stats", {}).items()
                },
            )
            for model in told.get("model_stats", [])
        ]
        return statistics({request.model for request in self._requests}, models)

    async def _post(self, request: TensorRequest) -> tuple[str, bytes, dict[str, str]]:
        path = f"/v2/models/{quote(request.model)}"
        if request.version:
            path += f"/versions/{quote(request.version)}"
        told = await self._calls.get(path)
        try:
            inputs = [
                Input(each["name"], each["datatype"], tuple(map(int, each["shape"])))
                for each in told["inputs"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise LoadTestError(
                f"{path}: expected a model's metadata with its inputs, got {str(told)[:200]}"
            ) from error
        body, headers = inference_body(request, inputs)
        return f"{path}/infer", body, headers


def inference_body(request: TensorRequest, inputs: Sequence[Input]) -> tuple[bytes, dict[str, str]]:
    """The body of a call and its headers, by the protocol's binary tensor extension."""
    sent = tensors(request, inputs)
    document = {
        "inputs": [
            {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": tensor.shape,
                "parameters": {"binary_data_size": len(tensor.content)},
            }
            for tensor in sent
        ],
        "parameters": {"binary_data_output": True, **request.parameters},
    }
    head = json.dumps(document).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }
    return head + b"".join(tensor.content for tensor in sent), headers
