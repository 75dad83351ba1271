"""`impasto.v1.ImageService`: wire messages to requests, pictures to wire messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import ClassVar

from google.protobuf.message import Message
from impasto.v1 import image_service_pb2 as pb
from impasto.v1 import image_service_pb2_grpc as pb_grpc

from server.calls import Calls
from server.engines.base import Deadline
from server.generation.pipeline import Pipeline
from server.generation.requests import (
    GenerationRequest,
    InterpolationRequest,
    ListingRequest,
    StoredPictureRequest,
    StylizationRequest,
)
from server.generation.timings import Timings
from server.generation.validation import validated
from server.grpc.calls import Context, streaming, unary
from server.grpc.messages import (
    arguments,
    picture_message,
    picture_messages,
    provenance_message,
    stored_message,
    wire_format,
)
from server.inference.memory import Memory, Share
from server.telemetry.metrics import Metrics

_TIMING_KEY = "server-timing"


class ImageService(pb_grpc.ImageServiceServicer):
    """Serves one pipeline.

    Attributes:
        calls: the calls under way.
        service: its full name.

    Args:
        pipeline: what makes the pictures.
        calls: the calls under way.
        metrics: where delivered pictures are counted.
        memory: what requests are counted in.
    """

    service: ClassVar[str] = pb.DESCRIPTOR.services_by_name["ImageService"].full_name

    def __init__(self, pipeline: Pipeline, calls: Calls, metrics: Metrics, memory: Memory) -> None:
        """Keep the parts."""
        self._memory = memory
        self._pipeline = pipeline
        self.calls = calls
        self._metrics = metrics

    @unary
    async def Generate(  # noqa: N802 - the proto's name
        self, request: pb.GenerateRequest, context: Context
    ) -> pb.GenerateResponse:
        """Generate and paint; see the proto."""
        deadline = Deadline.after(context.time_remaining())
        with self._held(request):
            wanted = validated(GenerationRequest, arguments(request))
            answer = await self._pipeline.generation.all(wanted, deadline)
        _tell(context, answer.timings)
        self._metrics.pictures.inc(len(answer.pictures))
        return pb.GenerateResponse(
            pictures=picture_messages(answer.pictures),
            format=wire_format(wanted.format),
            provenance=provenance_message(wanted, answer.origin, wanted.truncation),
        )

    @streaming
    async def GenerateStream(  # noqa: N802 - the proto's name
        self, request: pb.GenerateRequest, context: Context
    ) -> AsyncGenerator[pb.GenerateStreamResponse, None]:
        """Generate and paint, picture by picture; see the proto."""
        deadline = Deadline.after(context.time_remaining())
        timings = Timings()
        with self._held(request):
            wanted = validated(GenerationRequest, arguments(request))
            stream = self._pipeline.generation.each(wanted, deadline, timings)
            async with aclosing(stream):
                async for made in stream:
                    self._metrics.pictures.inc()
                    yield pb.GenerateStreamResponse(
                        index=made.index,
                        picture=picture_message(made.picture),
                        format=wire_format(wanted.format),
                        provenance=provenance_message(wanted, made.origin, wanted.truncation),
                    )
        _tell(context, timings)

    @unary
    async def Stylize(  # noqa: N802 - the proto's name
        self, request: pb.StylizeRequest, context: Context
    ) -> pb.StylizeResponse:
        """Paint the caller's picture; see the proto."""
        deadline = Deadline.after(context.time_remaining())
        with self._held(request):
            wanted = validated(StylizationRequest, arguments(request))
            answer = await self._pipeline.stylization.one(wanted, deadline)
        _tell(context, answer.timings)
        self._metrics.pictures.inc()
        return pb.StylizeResponse(
            picture=picture_message(answer.pictures[0]),
            format=wire_format(wanted.format),
            provenance=provenance_message(wanted, answer.origin),
        )

    @streaming
    async def Interpolate(  # noqa: N802 - the proto's name
        self, request: pb.InterpolateRequest, context: Context
    ) -> AsyncGenerator[pb.InterpolateResponse, None]:
        """Walk from one picture to another; see the proto."""
        deadline = Deadline.after(context.time_remaining())
        timings = Timings()
        with self._held(request):
            wanted = validated(InterpolationRequest, arguments(request))
            stream = self._pipeline.interpolation.each(wanted, deadline, timings)
            async with aclosing(stream):
                async for made in stream:
                    self._metrics.pictures.inc()
                    yield pb.InterpolateResponse(
                        index=made.index,
                        picture=picture_message(made.picture),
                        format=wire_format(wanted.encoded),
                        model=made.origin.model,
                        model_version=made.origin.version,
                    )
        _tell(context, timings)

    @unary
    async def ListModels(  # noqa: N802 - the proto's name
        self, request: pb.ListModelsRequest, context: Context
    ) -> pb.ListModelsResponse:
        """The models; see the proto."""
        catalogue = self._pipeline.catalogue
        return pb.ListModelsResponse(
            models=[
                pb.Model(
                    name=chain.model,
                    version=version,
                    is_default=chain is catalogue.default,
                    width=chain.width,
                    height=chain.height,
                    latent_size=chain.latent_size,
                    classes=chain.classes,
                    ranks=chain.ranking is not None,
                    sizes=chain.sizes,
                )
                for chain, version in await catalogue.served()
            ]
        )

    @unary
    async def ListStyles(  # noqa: N802 - the proto's name
        self, request: pb.ListStylesRequest, context: Context
    ) -> pb.ListStylesResponse:
        """The styles; see the proto."""
        stylizer = self._pipeline.catalogue.default.stylizer
        return pb.ListStylesResponse(
            styles=[pb.Style(**style._asdict()) for style in stylizer.table.styles],
            reads_pictures=stylizer.reads_pictures,
        )

    @unary
    async def GetPicture(  # noqa: N802 - the proto's name
        self, request: pb.GetPictureRequest, context: Context
    ) -> pb.StoredPicture:
        """A stored picture; see the proto."""
        deadline = Deadline.after(context.time_remaining())
        wanted = validated(StoredPictureRequest, arguments(request))
        kept = await self._pipeline.keeping.one(wanted.id, deadline)
        return stored_message(kept.record, kept.data)

    @unary
    async def ListPictures(  # noqa: N802 - the proto's name
        self, request: pb.ListPicturesRequest, context: Context
    ) -> pb.ListPicturesResponse:
        """The stored pictures; see the proto."""
        deadline = Deadline.after(context.time_remaining())
        wanted = validated(ListingRequest, arguments(request))
        page = await self._pipeline.keeping.page(wanted, deadline)
        return pb.ListPicturesResponse(
            pictures=[stored_message(record) for record in page.records],
            next_page_token=page.next_token,
        )

    @unary
    async def DeletePicture(  # noqa: N802 - the proto's name
        self, request: pb.DeletePictureRequest, context: Context
    ) -> pb.DeletePictureResponse:
        """Delete a stored picture; see the proto."""
        deadline = Deadline.after(context.time_remaining())
        wanted = validated(StoredPictureRequest, arguments(request))
        await self._pipeline.keeping.delete(wanted.id, deadline)
        return pb.DeletePictureResponse()

    @contextmanager
    def _held(self, request: Message) -> Iterator[None]:
        """Count a request's message, and the copy of its files, while the block runs."""
        share, size = Share(self._memory), request.ByteSize()
        try:
            self._pipeline.check_room(size)
            share.take(2 * size)
            yield
        finally:
            share.give_back()


def _tell(context: Context, timings: Timings) -> None:
    context.set_trailing_metadata(((_TIMING_KEY, str(timings)),))
