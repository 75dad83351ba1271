"""The Open Inference Protocol v2 over HTTP, with Triton's extensions, over the core."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.calls import Calls
from server.engines.base import InferenceResult
from server.errors import InvalidArgument, NotFound
from server.http.bodies import parse, parse_with_binary, read_body
from server.http.endpoint import Endpoint, Handler, json_response, while_connected
from server.inference.documents import DocumentDecoder, DocumentInference, encode
from server.inference.memory import REQUEST_BYTES, Share
from server.inference.parameters import Parameters, flag, whole
from server.inference.plain import to_json
from server.inference.service import InferenceService
from server.telemetry.current import name_model

_MODEL = "/v2/models/{model}"
_VERSION = "/v2/models/{model}/versions/{version}"
_REPOSITORY = "/v2/repository/models/{model}"
_REGIONS = "/v2/systemsharedmemory"
_REGION = "/v2/systemsharedmemory/region/{region}"
_UNKNOWN = "/v2/{rest:path}"
# What the protocol answers where something is not ready.
_NOT_READY = 400


class HttpInference:
    """Serves the core.

    Args:
        core: what answers.
        calls: the calls under way.
    """

    def __init__(self, core: InferenceService, calls: Calls) -> None:
        """Keep the parts."""
        self._core = core
        self._calls = calls

    def routes(self) -> list[Route]:
        """All endpoints."""
        get, post = self._get, self._post
        return [
            Route("/v2/health/live", self._live, methods=["GET"]),
            Route("/v2/health/ready", self._ready, methods=["GET"]),
            Route("/v2", self._metadata, methods=["GET"]),
            get("/v2/models/stats", "ModelStatistics", self._statistics),
            *self._of_model(get, "", "ModelMetadata", self._model_metadata),
            *self._of_model(get, "/ready", "ModelReady", self._model_ready),
            *self._of_model(get, "/config", "ModelConfig", self._config),
            *self._of_model(get, "/stats", "ModelStatistics", self._statistics),
            *self._of_model(post, "/infer", "ModelInfer", self._infer),
            post("/v2/repository/index", "RepositoryIndex", self._index),
            post(f"{_REPOSITORY}/load", "RepositoryModelLoad", self._load),
            post(f"{_REPOSITORY}/unload", "RepositoryModelUnload", self._unload),
            get(f"{_REGIONS}/status", "SystemSharedMemoryStatus", self._status),
            get(f"{_REGION}/status", "SystemSharedMemoryStatus", self._status),
            post(f"{_REGION}/register", "SystemSharedMemoryRegister", self._register),
            post(f"{_REGIONS}/unregister", "SystemSharedMemoryUnregister", self._unregister),
            post(f"{_REGION}/unregister", "SystemSharedMemoryUnregister", self._unregister),
            Route(_UNKNOWN, Endpoint(self._calls, "Unknown", _unknown, _UNKNOWN)),
        ]

    def _get(self, path: str, method: str, handler: Handler) -> Route:
        return Route(path, Endpoint(self._calls, method, handler, path), methods=["GET"])

    def _post(self, path: str, method: str, handler: Handler) -> Route:
        return Route(path, Endpoint(self._calls, method, handler, path), methods=["POST"])

    @staticmethod
    def _of_model(
        route: Callable[[str, str, Handler], Route], path: str, method: str, handler: Handler
    ) -> list[Route]:
        return [route(f"{base}{path}", method, handler) for base in (_MODEL, _VERSION)]

    async def _live(self, request: Request) -> Response:
        return Response()

    async def _ready(self, request: Request) -> Response:
        ready = self._calls.accepting and await self._core.engine.ready()
        return Response(status_code=200 if ready else _NOT_READY)

    async def _metadata(self, request: Request) -> Response:
        return json_response(to_json(self._core.metadata()))

    async def _model_metadata(self, request: Request) -> Response:
        return json_response(to_json(await self._core.engine.metadata(*_named(request))))

    async def _model_ready(self, request: Request) -> Response:
        model, version = request.path_params["model"], request.path_params.get("version", "")
        ready = await self._core.engine.model_ready(model, version)
        if ready:
            name_model(model)
        return Response(status_code=200 if ready else _NOT_READY)

    async def _config(self, request: Request) -> Response:
        return json_response(to_json(await self._core.engine.config(*_named(request))))

    async def _statistics(self, request: Request) -> Response:
        found = await self._core.engine.statistics(*_named(request))
        return json_response({"model_stats": [to_json(item) for item in found]})

    async def _infer(self, request: Request) -> Response:
        share = Share(self._core.memory)
        try:
            wanted = await self._decoded(request, share)
            work = self._core.engine.infer(wanted.inference.request)
            return _answer(wanted, await while_connected(request, work))
        finally:
            share.give_back()

    async def _decoded(self, request: Request, share: Share) -> DocumentInference:
        """What a body asks for; the parsed document, many times its size, is gone afterwards."""
        document, binary = parse_with_binary(request, await read_body(request, share))
        decoder = DocumentDecoder(document, binary, self._core.regions, share)
        wanted = decoder.decode(*_named(request))
        inputs = wanted.inference.request.inputs
        share.take(REQUEST_BYTES + sum(array.nbytes for array in inputs.values()))
        return wanted

    async def _index(self, request: Request) -> Response:
        document = await self._document(request)
        models = await self._core.index(_repository(document), flag(document, "ready"))
        # Only what is not ready has a reason, as in Triton.
        items = [to_json(model) for model in models]
        return json_response(
            [{k: v for k, v in item.items() if k != "reason" or v} for item in items]
        )

    async def _load(self, request: Request) -> Response:
        document = await self._document(request)
        model, _ = _named(request)
        await self._core.load(model, _repository(document), _parameters(document))
        return Response()

    async def _unload(self, request: Request) -> Response:
        document = await self._document(request)
        model, _ = _named(request)
        await self._core.unload(model, _repository(document), _parameters(document))
        return Response()

    async def _status(self, request: Request) -> Response:
        regions = self._core.regions.status(request.path_params.get("region", ""))
        return json_response(
            [
                {
                    "name": region.name,
                    "key": region.key,
                    "offset": region.offset,
                    "byte_size": region.byte_size,
                }
                for region in regions
            ]
        )

    async def _register(self, request: Request) -> Response:
        document = await self._document(request)
        if not isinstance(key := document.get("key"), str):
            raise InvalidArgument("key", "a text", key)
        offset, size = whole(document, "offset"), whole(document, "byte_size")
        self._core.regions.register(request.path_params["region"], key, offset, size)
        return Response()

    async def _unregister(self, request: Request) -> Response:
        self._core.regions.unregister(request.path_params.get("region", ""))
        return Response()

    async def _document(self, request: Request) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            ImpastoError: it is none, or too large.
        """
        share = Share(self._core.memory)
        try:
            document = parse(await read_body(request, share))
        finally:
            share.give_back()
        if not isinstance(document, dict):
            raise InvalidArgument("body", "a JSON object", type(document).__name__)
        return document


def _named(request: Request) -> tuple[str, str]:
    """Model and version in the path, empty where they are not; the metrics know the model, too."""
    model = request.path_params.get("model", "")
    name_model(model)
    return model, request.path_params.get("version", "")


def _parameters(document: dict[str, Any]) -> Parameters:
    parameters = document.get("parameters", {})
    if not isinstance(parameters, dict):
        raise InvalidArgument("parameters", "a JSON object", type(parameters).__name__)
    return parameters


def _repository(document: dict[str, Any]) -> str:
    return str(document.get("repository_name", ""))


def _answer(wanted: DocumentInference, result: InferenceResult) -> Response:
    document, binary = encode(wanted, result)
    if not binary:
        return json_response(document)
    header = json.dumps(document, separators=(",", ":")).encode()
    return Response(
        header + binary,
        headers={"Inference-Header-Content-Length": str(len(header))},
        media_type="application/octet-stream",
    )


async def _unknown(request: Request) -> Response:
    raise NotFound(f"there is no {request.method} {request.url.path}")
