"""What REST answers: the core's answers as JSON."""

from __future__ import annotations

import base64
import json
import platform
from datetime import datetime
from importlib.metadata import version
from typing import Any

import onnxruntime
from pydantic import BaseModel, ConfigDict, Field

from server.engines.onnxruntime.cores import available_cores
from server.generation.answers import EncodedPicture, Origin
from server.generation.chain import Chain
from server.generation.keeping import created_at
from server.generation.requests import Encoding, OutputFormat
from server.generation.stylizer import Stylizer
from server.settings import Settings
from server.storage.records import PictureRecord


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PictureDocument(_Document):
    """One picture."""

    data: str = Field(description="The encoded picture in base64.")
    format: OutputFormat
    width: int = Field(description="Pixels.")
    height: int = Field(description="Pixels.")
    seed: str | None = Field(
        description="The seed that it was made from, in digits; null: from something else."
    )
    label: str = Field(description="The class that it shows; empty: the model knows none.")
    score: float | None = Field(
        description="What the discriminator says of it, where there were candidates."
    )
    id: str = Field(description="In the picture store; empty: it is not kept.")

    @classmethod
    def of(cls, picture: EncodedPicture, output_format: OutputFormat) -> PictureDocument:
        """The document of a picture."""
        return cls(
            data=base64.b64encode(picture.data).decode(),
            format=output_format,
            width=picture.width,
            height=picture.height,
            seed=None if picture.seed is None else str(picture.seed),
            label=picture.label,
            score=picture.score,
            id=picture.id,
        )


class PicturesDocument(_Document):
    """The pictures of one request, and what made them."""

    pictures: list[PictureDocument]
    model: str
    model_version: str

    @classmethod
    def of(
        cls, pictures: list[EncodedPicture], origin: Origin, encoding: Encoding
    ) -> PicturesDocument:
        """The document of an answer."""
        return cls(
            pictures=[PictureDocument.of(picture, encoding.format) for picture in pictures],
            model=origin.model,
            model_version=origin.version,
        )


class StreamedDocument(_Document):
    """One line of a stream: a picture and its place, counted from 0."""

    index: int
    picture: PictureDocument
    model: str
    model_version: str


class ModelDocument(_Document):
    """A model that `model` may name."""

    name: str
    version: str
    is_default: bool = Field(description="Whether it answers where no model is named.")
    width: int = Field(description="Pixels.")
    height: int = Field(description="Pixels.")
    latent_size: int
    classes: list[str] = Field(description="What `label` may name.")
    ranks: bool = Field(description="Whether `candidates` may be over 1.")
    sizes: list[int] = Field(description="What `size` may be: pixels of the longer side.")

    @classmethod
    def of(cls, chain: Chain, version: str, default: Chain) -> ModelDocument:
        """The document of a chain."""
        return cls(
            name=chain.model,
            version=version,
            is_default=chain is default,
            width=chain.width,
            height=chain.height,
            latent_size=chain.latent_size,
            classes=list(chain.classes),
            ranks=chain.ranking is not None,
            sizes=list(chain.sizes),
        )


class ModelsDocument(_Document):
    """The models, the default first."""

    models: list[ModelDocument]


class StyleDocument(_Document):
    """A named style."""

    name: str
    title: str
    artist: str


class StylesDocument(_Document):
    """The styles that `style` may name."""

    styles: list[StyleDocument]
    reads_pictures: bool = Field(description="Whether `style_picture` may be given.")

    @classmethod
    def of(cls, stylizer: Stylizer) -> StylesDocument:
        """The document of a stylizer's styles."""
        return cls(
            styles=[StyleDocument(**style._asdict()) for style in stylizer.table.styles],
            reads_pictures=stylizer.reads_pictures,
        )


class StoredPictureDocument(_Document):
    """A picture that the server keeps."""

    id: str
    created_at: datetime
    format: OutputFormat
    width: int = Field(description="Pixels.")
    height: int = Field(description="Pixels.")
    byte_size: int = Field(description="Of its file.")
    sha256: str = Field(description="Of its file, in hexadecimal.")
    model: str
    model_version: str
    seed: str | None = Field(
        description="The seed that it was made from, in digits; null: from something else."
    )
    label: str = Field(description="The class that it shows; empty: the model knows none.")
    score: float | None = Field(
        description="What the discriminator says of it, where there were candidates."
    )
    styles: dict[str, float] = Field(description="The named styles and their weights.")
    recipe: dict[str, Any] = Field(description="What makes it again, as its file tells it.")

    @classmethod
    def of(cls, record: PictureRecord) -> StoredPictureDocument:
        """The document of a record."""
        fields = dict(record.__dict__) | {
            "created_at": created_at(record),
            "seed": None if record.seed is None else str(record.seed),
            "recipe": json.loads(record.recipe),
        }
        return cls(**fields)


class StoredPicturesDocument(_Document):
    """A page of stored pictures, the newest first."""

    pictures: list[StoredPictureDocument]
    next_page_token: str = Field(description="For the next page; empty: this is the last.")


class ServerDocument(_Document):
    """What answers here."""

    version: str = Field(description="Of the gateway.")
    engine: str = Field(description="What runs the models: onnxruntime or triton.")
    engine_version: str = Field(description="Empty: a Triton's own face tells it.")
    python: str = Field(description="Version of the Python that runs the gateway.")
    cores: int = Field(description="That the gateway may use.")
    stores: bool = Field(description="Whether pictures are kept for requests that say `store`.")

    @classmethod
    def of(cls, settings: Settings) -> ServerDocument:
        """The document of a gateway with these settings."""
        own = settings.engine == "onnxruntime"
        return cls(
            version=version("impasto"),
            engine=settings.engine,
            engine_version=onnxruntime.__version__ if own else "",
            python=platform.python_version(),
            cores=available_cores(),
            stores=settings.store is not None,
        )


class ErrorDocument(_Document):
    """Why there is no answer."""

    error: str
