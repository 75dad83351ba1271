"""The REST face: the core's requests as JSON or in a query, its pictures as JSON or as files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.calls import Calls
from server.errors import Reason, Unavailable
from server.generation.answers import Answer, StreamedPicture
from server.generation.pipeline import Pipeline
from server.generation.requests import (
    Encoding,
    GenerationRequest,
    InterpolationRequest,
    ListingRequest,
    OutputFormat,
    PictureQuery,
    StoredPictureRequest,
    StylizationRequest,
)
from server.generation.timings import Timings
from server.generation.validation import validated, validated_json
from server.http.bodies import announced_size, read_body
from server.http.deadlines import deadline_of
from server.http.documents import (
    ModelDocument,
    ModelsDocument,
    PictureDocument,
    PicturesDocument,
    ServerDocument,
    StoredPictureDocument,
    StoredPicturesDocument,
    StreamedDocument,
    StylesDocument,
)
from server.http.endpoint import Endpoint, Handler, while_connected
from server.http.lines import LineResponse, releasing
from server.http.openapi import description_routes
from server.http.operations import JSON, MEDIA, OPERATIONS
from server.inference.memory import Memory, Share
from server.storage.records import digest
from server.telemetry.metrics import Metrics


class Rest:
    """Serves a pipeline, once there is one.

    Args:
        calls: the calls under way.
        memory: what request bodies are counted in.
        metrics: where delivered pictures are counted.
        about: what it says of the server.
    """

    def __init__(
        self, calls: Calls, memory: Memory, metrics: Metrics, about: ServerDocument
    ) -> None:
        """Refuse requests until `serve`."""
        self._calls = calls
        self._memory = memory
        self._metrics = metrics
        self._about = about
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
            "DescribeServer": self._describe_server,
            "ListPictures": self._list_pictures,
            "GetPicture": self._get_picture,
            "GetPictureFile": self._get_picture_file,
            "DeletePicture": self._delete_picture,
        }
        endpoints = [
            Route(
                item.path,
                Endpoint(self._calls, item.name, handlers[item.name], item.path),
                methods=[item.method],
            )
            for item in OPERATIONS
        ]
        return [*endpoints, *description_routes(OPERATIONS)]

    @property
    def _core(self) -> Pipeline:
        if self._pipeline is None:
            raise Unavailable("the server is loading its models; try again soon", Reason.LOADING)
        return self._pipeline

    async def _body(self, request: Request, share: Share) -> bytes:
        self._core.check_room(announced_size(request))
        return await read_body(request, share)

    async def _generate(self, request: Request) -> Response:
        share = Share(self._memory)
        try:
            wanted = validated_json(GenerationRequest, await self._body(request, share))
            work = self._core.generation.all(wanted, deadline_of(request))
            answer = await while_connected(request, work)
        finally:
            share.give_back()
        return self._answered(answer, wanted)

    async def _stylize(self, request: Request) -> Response:
        share = Share(self._memory)
        try:
            wanted = validated_json(StylizationRequest, await self._body(request, share))
            work = self._core.stylization.one(wanted, deadline_of(request))
            answer = await while_connected(request, work)
        finally:
            share.give_back()
        return self._answered(answer, wanted)

    def _answered(self, answer: Answer, encoding: Encoding) -> Response:
        self._metrics.pictures.inc(len(answer.pictures))
        document = PicturesDocument.of(answer.pictures, answer.origin, encoding)
        return Response(
            document.model_dump_json(),
            media_type=JSON,
            headers={"Server-Timing": str(answer.timings)},
        )

    async def _picture(self, request: Request) -> Response:
        wanted = validated(PictureQuery, request.query_params).request()
        work = self._core.generation.all(wanted, deadline_of(request))
        answer = await while_connected(request, work)
        (picture,) = answer.pictures
        headers = {
            "ETag": _tag(digest(picture.data)),
            "Server-Timing": str(answer.timings),
            "Impasto-Seed": str(picture.seed),
            "Impasto-Label": quote(picture.label),
            "Impasto-Model": answer.origin.model,
            "Impasto-Model-Version": answer.origin.version,
        }
        if headers["ETag"] in request.headers.get("If-None-Match", ""):
            return Response(status_code=304, headers=headers)
        self._metrics.pictures.inc()
        return Response(picture.data, media_type=MEDIA[wanted.format], headers=headers)

    async def _generate_stream(self, request: Request) -> Response:
        share = Share(self._memory)
        with releasing(share):
            wanted = validated_json(GenerationRequest, await self._body(request, share))
            stream = self._core.generation.each(wanted, deadline_of(request), Timings())
            return await self._streamed(request, stream, wanted.format, share)

    async def _interpolate(self, request: Request) -> Response:
        share = Share(self._memory)
        with releasing(share):
            wanted = validated_json(InterpolationRequest, await self._body(request, share))
            stream = self._core.interpolation.each(wanted, deadline_of(request), Timings())
            return await self._streamed(request, stream, wanted.encoded, share)

    async def _streamed(
        self,
        request: Request,
        stream: AsyncGenerator[StreamedPicture, None],
        output_format: OutputFormat,
        share: Share,
    ) -> Response:
        """The stream as lines of JSON; what fails before the first picture has a status."""

        async def first_picture() -> StreamedPicture:
            return await anext(stream)

        # A caller who leaves now cancels it, and that closes the stream.
        first = await while_connected(request, first_picture())

        async def lines() -> AsyncIterator[bytes]:
            yield self._line(first, output_format)
            async for made in stream:
                yield self._line(made, output_format)

        async def finish() -> None:
            await stream.aclose()
            share.give_back()

        return LineResponse(lines(), finish)

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
            ModelDocument.of(chain, version, catalogue.default)
            for chain, version in await catalogue.served()
        ]
        return Response(ModelsDocument(models=models).model_dump_json(), media_type=JSON)

    async def _styles(self, request: Request) -> Response:
        document = StylesDocument.of(self._core.catalogue.default.stylizer)
        return Response(document.model_dump_json(), media_type=JSON)

    async def _describe_server(self, request: Request) -> Response:
        return Response(self._about.model_dump_json(), media_type=JSON)

    async def _list_pictures(self, request: Request) -> Response:
        wanted = validated(ListingRequest, request.query_params)
        page = await while_connected(request, self._core.keeping.page(wanted, deadline_of(request)))
        document = StoredPicturesDocument(
            pictures=[StoredPictureDocument.of(record) for record in page.records],
            next_page_token=page.next_token,
        )
        return Response(document.model_dump_json(), media_type=JSON)

    async def _get_picture(self, request: Request) -> Response:
        wanted = validated(StoredPictureRequest, request.path_params)
        work = self._core.keeping.record(wanted.id, deadline_of(request))
        record = await while_connected(request, work)
        document = StoredPictureDocument.of(record)
        return Response(document.model_dump_json(), media_type=JSON)

    async def _get_picture_file(self, request: Request) -> Response:
        wanted = validated(StoredPictureRequest, request.path_params)
        deadline, known = deadline_of(request), request.headers.get("If-None-Match")
        if known is not None:
            work = self._core.keeping.record(wanted.id, deadline)
            tag = _tag((await while_connected(request, work)).sha256)
            if tag in known:
                return Response(status_code=304, headers={"ETag": tag})
        work_for_all = self._core.keeping.one(wanted.id, deadline)
        record, data = await while_connected(request, work_for_all)
        headers = {"ETag": _tag(record.sha256)}
        return Response(data, media_type=MEDIA[OutputFormat(record.format)], headers=headers)

    async def _delete_picture(self, request: Request) -> Response:
        wanted = validated(StoredPictureRequest, request.path_params)
        await while_connected(request, self._core.keeping.delete(wanted.id, deadline_of(request)))
        return Response(status_code=204)


def _tag(sha256: str) -> str:
    """An ETag: of the bytes, for models may be trained again under the same name."""
    return f'"{sha256}"'
