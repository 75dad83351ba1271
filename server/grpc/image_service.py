"""`impasto.v1.ImageService`: wire messages to requests, pictures to wire messages."""

from __future__ import annotations

from impasto.v1 import image_service_pb2 as pb
from impasto.v1 import image_service_pb2_grpc as pb_grpc

from server.calls import Calls
from server.engines.base import Deadline
from server.errors import InvalidArgument
from server.generation.pipeline import GeneratedPictures, Pipeline
from server.generation.requests import GenerationRequest, OutputFormat, validate
from server.grpc.calls import Context, unary
from server.telemetry.metrics import Metrics

_FORMATS: dict[int, OutputFormat] = {
    pb.OUTPUT_FORMAT_UNSPECIFIED: OutputFormat.PNG,
    pb.OUTPUT_FORMAT_PNG: OutputFormat.PNG,
    pb.OUTPUT_FORMAT_RAW_RGB8: OutputFormat.RAW_RGB8,
}
_WIRE_FORMATS: dict[OutputFormat, pb.OutputFormat] = {
    OutputFormat.PNG: pb.OUTPUT_FORMAT_PNG,
    OutputFormat.RAW_RGB8: pb.OUTPUT_FORMAT_RAW_RGB8,
}


class ImageService(pb_grpc.ImageServiceServicer):
    """Serves one pipeline.

    Attributes:
        calls: the calls under way.

    Args:
        pipeline: what makes the pictures.
        calls: the calls under way.
        metrics: where delivered pictures are counted.
        max_count: greatest number of pictures in one request.
    """

    def __init__(self, pipeline: Pipeline, calls: Calls, metrics: Metrics, max_count: int) -> None:
        """Keep the parts."""
        self._pipeline = pipeline
        self.calls = calls
        self._metrics = metrics
        self._max_count = max_count

    @unary
    async def Generate(  # noqa: N802 - the proto's name
        self, request: pb.GenerateRequest, context: Context
    ) -> pb.GenerateResponse:
        """Generate and paint; see the proto."""
        deadline = Deadline.after(context.time_remaining())
        wanted = self._validate(request)
        made = await self._pipeline.generate(wanted, deadline)
        self._metrics.pictures.inc(len(made.pictures))
        return self._response(wanted, made)

    def _validate(self, request: pb.GenerateRequest) -> GenerationRequest:
        if request.format not in _FORMATS:
            known = ", ".join(pb.OutputFormat.keys()[1:])
            raise InvalidArgument("format", f"one of {known}", request.format)
        strength = request.style_strength if request.HasField("style_strength") else None
        return validate(
            seed=request.seed if request.HasField("seed") else None,
            count=request.count if request.HasField("count") else None,
            style=request.style,
            strength=strength,
            preserve_colour=request.preserve_colour,
            output_format=_FORMATS[request.format],
            max_count=self._max_count,
            styles=self._pipeline.chain.styles.names,
        )

    def _response(self, request: GenerationRequest, made: GeneratedPictures) -> pb.GenerateResponse:
        return pb.GenerateResponse(
            pictures=[
                pb.Picture(
                    data=picture.data,
                    seed=picture.seed,
                    width=picture.width,
                    height=picture.height,
                )
                for picture in made.pictures
            ],
            format=_WIRE_FORMATS[request.format],
            model=self._pipeline.chain.model,
            model_version=made.version,
            style=request.style or "",
            style_strength=request.strength,
            preserve_colour=request.preserve_colour,
        )
