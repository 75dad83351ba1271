"""What one entry of a workload asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PictureRequest(_Request):
    """Pictures, of targets "impasto" and "rest"; what is absent is the server's default.

    Attributes:
        seed: of the first picture; absent: every call asks for other pictures.
        count: pictures of one call.
        model: its name.
        label: name of a class, for models that know some.
        size: longer side in pixels, one of the model's.
        truncation: greatest size of a latent's numbers.
        candidates: pictures among which the discriminator chooses one.
        style: a name, or names with weights; absent: not painted.
        style_strength: 0 (not painted) to 1.
        preserve_colour: whether the painting changes the luminance alone.
        format: of the pictures.
        quality: 1 to 100, of JPEG and WebP.
        priority: whom the call may overtake.
        store: whether the server keeps a copy.
        content_credentials: whether the files are signed.
    """

    seed: Annotated[int, Field(ge=0, lt=2**64)] | None = None
    count: Annotated[int, Field(ge=1, le=256)] = 1
    model: str | None = None
    label: str | None = None
    size: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    truncation: float | None = None
    candidates: Annotated[int, Field(ge=1, le=16)] | None = None
    style: str | dict[str, float] | None = None
    style_strength: Annotated[float, Field(ge=0, le=1)] | None = None
    preserve_colour: bool | None = None
    format: Literal["png", "raw", "jpeg", "webp"] = "png"
    quality: Annotated[int, Field(ge=1, le=100)] | None = None
    priority: Literal["high", "normal", "low"] | None = None
    store: bool | None = None
    content_credentials: bool | None = None


class TensorRequest(_Request):
    """Tensors for a model of any kind, of target "oip".

    Attributes:
        model: its name.
        version: of the model; empty: the server's choice.
        rows: of a batch, for models whose inputs' first dimension is variable.
        shapes: of inputs whose other dimensions are variable, all dimensions each.
        data: "random", "zeros", or a file (.npz or .json) with a tensor for each input.
        parameters: of the request, such as `priority`.
    """

    model: str
    version: str = ""
    rows: Annotated[int, Field(ge=1)] = 1
    shapes: dict[str, tuple[Annotated[int, Field(ge=0)], ...]] = {}
    data: Literal["random", "zeros"] | Path = "random"
    parameters: dict[str, bool | int | str] = {}
