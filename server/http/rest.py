"""The REST face: the core's requests as JSON or in a query, its pictures as JSON or as files."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar
from urllib.parse import quote

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from server.calls import Calls
from server.engines.base import NEVER
from server.errors import ImpastoError, Unavailable
from server.generation.answers import Answer, StreamedPicture
from server.generation.pipeline import Pipeline
from server.generation.requests import (
    GenerationRequest,
    InterpolationRequest,
    OutputFormat,
    PictureQuery,
    StylizationRequest,
)
from server.generation.timings import Timings
from server.generation.validation import validated, validated_json
from server.http.bodies import read_body
from server.http.documents import (
    ErrorDocument,
    ModelDocument,
    ModelsDocument,
    PictureDocument,
    PicturesDocument,
    StreamedDocument,
    StylesDocument,
)
from server.http.endpoint import Endpoint, Handler, while_connected
from server.http.openapi import description_routes
from server.http.operations import JSON, LINES, MEDIA, OPERATIONS
from server.inference.memory import Memory, Share
from server.telemetry.metrics import Metrics

Wanted = TypeVar("Wanted", bound=BaseModel)


class Rest:
    """Serves a pipeline, once there is one.

    Args:
        calls: the calls under way.
        memory: what request bodies are counted in.
        metrics: where delivered pictures are counted.
    """

    def __init__(self, calls: Calls, memory: Memory, metrics: Metrics) -> None:
        """Refuse requests until `serve`."""
        self._calls = calls
        self._memory = memory
        self._metrics = metrics
        self._pipeline: Pipeline | None = None

    def serve(self, pipeline: Pipeline) -> None:
        """Answer by `pipeline` from now on."""
        self._pipeline = pipeline

    def routes(self) -> list[BaseRoute]:
        """All endpoints, and their description."""
        handlers: dict[str, Handler] = {
            "Generate": self._generate,
            "GenerateStream": self._generate_stream,
            "Picture": self._picture,
            "Stylize": self._stylize,
            "Interpolate": self._interpolate,
            "ListModels": self._models,
            "ListStyles": self._styles,
        }
        endpoints = [
            Route(
                item.path,
                Endpoint(self._calls, item.name, handlers[item.name]),
                methods=[item.method],
            )
            for item in OPERATIONS
        ]
        return [*endpoints, *description_routes(OPERATIONS)]

    @property
    def _core(self) -> Pipeline:
        if self._pipeline is None:
            raise Unavailable("the server is loading its models; try again soon")
        return self._pipeline

    async def _generate(self, request: Request) -> Response:
        share = Share(self._memory)
        try:
            wanted = validated_json(GenerationRequest, await read_body(request, share))
            answer = await while_connected(request, self._core.generation.all(wanted, NEVER))
        finally:
            share.give_back()
        return self._answered(answer, PicturesDocument.of(answer.pictures, answer.origin, wanted))

    async def _stylize(self, request: Request) -> Response:
        share = Share(self._memory)
        try:
            wanted = validated_json(StylizationRequest, await read_body(request, share))
            answer = await while_connected(request, self._core.stylization.one(wanted, NEVER))
        finally:
            share.give_back()
        return self._answered(answer, PicturesDocument.of(answer.pictures, answer.origin, wanted))

    def _answered(self, answer: Answer, document: BaseModel) -> Response:
        self._metrics.pictures.inc(len(answer.pictures))
        return Response(
            document.model_dump_json(),
            media_type=JSON,
            headers={"Server-Timing": str(answer.timings)},
        )

    async def _picture(self, request: Request) -> Response:
        query = validated(PictureQuery, request.query_params)
        wanted = query.request()
        headers = {}
        if query.seed is not None:
            version = await self._core.catalogue.chain(wanted.model).version()
            text = wanted.model_dump_json() + version
            headers["ETag"] = f'"{hashlib.sha256(text.encode()).hexdigest()}"'
            # The same model makes the same bytes of the same request.
            if headers["ETag"] in request.headers.get("If-None-Match", ""):
                return Response(status_code=304, headers=headers)
        answer = await while_connected(request, self._core.generation.all(wanted, NEVER))
        self._metrics.pictures.inc()
        (picture,) = answer.pictures
        headers |= {
            "Server-Timing": str(answer.timings),
            "Impasto-Seed": str(picture.seed),
            "Impasto-Label": quote(picture.label),
            "Impasto-Model": answer.origin.model,
            "Impasto-Model-Version": answer.origin.version,
        }
        return Response(picture.data, media_type=MEDIA[wanted.format], headers=headers)

    async def _generate_stream(self, request: Request) -> Response:
        wanted = await self._read(GenerationRequest, request)
        stream = self._core.generation.each(wanted, NEVER, Timings())
        return await self._streamed(stream, wanted.format)

    async def _interpolate(self, request: Request) -> Response:
        wanted = await self._read(InterpolationRequest, request)
        stream = self._core.interpolation.each(wanted, NEVER, Timings())
        made = OutputFormat.WEBP if wanted.animation else wanted.format
        return await self._streamed(stream, made)

    async def _read(self, kind: type[Wanted], request: Request) -> Wanted:
        share = Share(self._memory)
        try:
            return validated_json(kind, await read_body(request, share))
        finally:
            share.give_back()

    async def _streamed(
        self, stream: AsyncGenerator[StreamedPicture, None], output_format: OutputFormat
    ) -> Response:
        """The stream as lines of JSON; what fails before the first picture has a status."""
        first = await anext(stream)

        async def lines() -> AsyncIterator[bytes]:
            try:
                yield self._line(first, output_format)
                async for made in stream:
                    yield self._line(made, output_format)
            except ImpastoError as error:
                yield ErrorDocument(error=str(error)).model_dump_json().encode() + b"\n"
            finally:
                await stream.aclose()

        return StreamingResponse(lines(), media_type=LINES)

    def _line(self, made: StreamedPicture, output_format: OutputFormat) -> bytes:
        self._metrics.pictures.inc()
        document = StreamedDocument(
            index=made.index,
            picture=PictureDocument.of(made.picture, output_format),
            model=made.origin.model,
            model_version=made.origin.version,
        )
        return document.model_dump_json().encode() + b"\n"

    async def _models(self, request: Request) -> Response:
        catalogue = self._core.catalogue
        models = [
            await ModelDocument.of(chain, catalogue.default) for chain in catalogue.chains.values()
        ]
        return Response(ModelsDocument(models=models).model_dump_json(), media_type=JSON)

    async def _styles(self, request: Request) -> Response:
        document = StylesDocument.of(self._core.catalogue.default.stylizer)
        return Response(document.model_dump_json(), media_type=JSON)
