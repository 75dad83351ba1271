"""What the REST face can do; its description is made from this table."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from server.generation.requests import (
    GenerationRequest,
    InterpolationRequest,
    ListingRequest,
    OutputFormat,
    PictureQuery,
    StoredPictureRequest,
    StylizationRequest,
)
from server.http.documents import (
    ModelsDocument,
    PicturesDocument,
    ServerDocument,
    StoredPictureDocument,
    StoredPicturesDocument,
    StreamedDocument,
    StylesDocument,
)

JSON, LINES = "application/json", "application/x-ndjson"
MEDIA = {
    OutputFormat.PNG: "image/png",
    OutputFormat.JPEG: "image/jpeg",
    OutputFormat.WEBP: "image/webp",
    OutputFormat.RAW_RGB8: "application/octet-stream",
}


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        name: what the metrics and the description call it.
        method: GET or POST.
        path: beneath the server's root.
        summary: in one sentence.
        media: types of the answer.
        answer: what a JSON answer, or each of its lines, holds; None: a picture file.
        body: what the JSON body holds.
        query: what the query holds.
        place: what the path holds.
        status: of an answer.
    """

    name: str
    method: str
    path: str
    summary: str
    media: tuple[str, ...]
    answer: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    place: type[BaseModel] | None = None
    status: int = 200


OPERATIONS = (
    Operation(
        name="Generate",
        method="POST",
        path="/v1/generate",
        summary="Generate pictures, each from its own seed or latent, and paint them.",
        media=(JSON,),
        answer=PicturesDocument,
        body=GenerationRequest,
    ),
    Operation(
        name="GenerateStream",
        method="POST",
        path="/v1/generate/stream",
        summary="The same, a line for each picture as soon as it is done.",
        media=(LINES,),
        answer=StreamedDocument,
        body=GenerationRequest,
    ),
    Operation(
        name="Picture",
        method="GET",
        path="/v1/picture",
        summary="One picture as a file, with an ETag of its bytes.",
        media=tuple(MEDIA.values()),
        query=PictureQuery,
    ),
    Operation(
        name="Stylize",
        method="POST",
        path="/v1/stylize",
        summary="Paint a picture of one's own.",
        media=(JSON,),
        answer=PicturesDocument,
        body=StylizationRequest,
    ),
    Operation(
        name="Interpolate",
        method="POST",
        path="/v1/interpolate",
        summary="A walk between two pictures: a line for each frame, or one for the animation.",
        media=(LINES,),
        answer=StreamedDocument,
        body=InterpolationRequest,
    ),
    Operation(
        name="ListModels",
        method="GET",
        path="/v1/models",
        summary="The models that `model` may name.",
        media=(JSON,),
        answer=ModelsDocument,
    ),
    Operation(
        name="ListStyles",
        method="GET",
        path="/v1/styles",
        summary="The styles that `style` may name.",
        media=(JSON,),
        answer=StylesDocument,
    ),
    Operation(
        name="DescribeServer",
        method="GET",
        path="/v1/server",
        summary="What answers here, and on what it runs.",
        media=(JSON,),
        answer=ServerDocument,
    ),
    Operation(
        name="ListPictures",
        method="GET",
        path="/v1/pictures",
        summary="The stored pictures, the newest first, a page at a time.",
        media=(JSON,),
        answer=StoredPicturesDocument,
        query=ListingRequest,
    ),
    Operation(
        name="GetPicture",
        method="GET",
        path="/v1/pictures/{id}",
        place=StoredPictureRequest,
        summary="What is known of a stored picture.",
        media=(JSON,),
        answer=StoredPictureDocument,
    ),
    Operation(
        name="GetPictureFile",
        method="GET",
        path="/v1/pictures/{id}/file",
        place=StoredPictureRequest,
        summary="A stored picture as a file, with an ETag of its bytes.",
        media=tuple(MEDIA.values()),
    ),
    Operation(
        name="DeletePicture",
        method="DELETE",
        path="/v1/pictures/{id}",
        place=StoredPictureRequest,
        summary="Delete a stored picture, for ever; takes an API key with scope admin.",
        media=(),
        status=204,
    ),
)
