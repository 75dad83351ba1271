import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OutputFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTPUT_FORMAT_UNSPECIFIED: _ClassVar[OutputFormat]
    OUTPUT_FORMAT_PNG: _ClassVar[OutputFormat]
    OUTPUT_FORMAT_RAW_RGB8: _ClassVar[OutputFormat]
    OUTPUT_FORMAT_JPEG: _ClassVar[OutputFormat]
    OUTPUT_FORMAT_WEBP: _ClassVar[OutputFormat]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_HIGH: _ClassVar[Priority]
    PRIORITY_NORMAL: _ClassVar[Priority]
    PRIORITY_LOW: _ClassVar[Priority]
OUTPUT_FORMAT_UNSPECIFIED: OutputFormat
OUTPUT_FORMAT_PNG: OutputFormat
OUTPUT_FORMAT_RAW_RGB8: OutputFormat
OUTPUT_FORMAT_JPEG: OutputFormat
OUTPUT_FORMAT_WEBP: OutputFormat
PRIORITY_UNSPECIFIED: Priority
PRIORITY_HIGH: Priority
PRIORITY_NORMAL: Priority
PRIORITY_LOW: Priority

class StyleWeight(_message.Message):
    __slots__ = ("style", "weight")
    STYLE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    style: str
    weight: float
    def __init__(self, style: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...

class Latent(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("seed", "count", "style", "style_strength", "format", "preserve_colour", "model", "style_mix", "style_picture", "latents", "label", "truncation", "candidates", "quality", "size", "store", "priority", "content_credentials")
    SEED_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    STYLE_STRENGTH_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    PRESERVE_COLOUR_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STYLE_MIX_FIELD_NUMBER: _ClassVar[int]
    STYLE_PICTURE_FIELD_NUMBER: _ClassVar[int]
    LATENTS_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    TRUNCATION_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CONTENT_CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    seed: int
    count: int
    style: str
    style_strength: float
    format: OutputFormat
    preserve_colour: bool
    model: str
    style_mix: _containers.RepeatedCompositeFieldContainer[StyleWeight]
    style_picture: bytes
    latents: _containers.RepeatedCompositeFieldContainer[Latent]
    label: str
    truncation: float
    candidates: int
    quality: int
    size: int
    store: bool
    priority: Priority
    content_credentials: bool
    def __init__(self, seed: _Optional[int] = ..., count: _Optional[int] = ..., style: _Optional[str] = ..., style_strength: _Optional[float] = ..., format: _Optional[_Union[OutputFormat, str]] = ..., preserve_colour: _Optional[bool] = ..., model: _Optional[str] = ..., style_mix: _Optional[_Iterable[_Union[StyleWeight, _Mapping]]] = ..., style_picture: _Optional[bytes] = ..., latents: _Optional[_Iterable[_Union[Latent, _Mapping]]] = ..., label: _Optional[str] = ..., truncation: _Optional[float] = ..., candidates: _Optional[int] = ..., quality: _Optional[int] = ..., size: _Optional[int] = ..., store: _Optional[bool] = ..., priority: _Optional[_Union[Priority, str]] = ..., content_credentials: _Optional[bool] = ...) -> None: ...

class Picture(_message.Message):
    __slots__ = ("data", "seed", "width", "height", "label", "score", "id")
    DATA_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    seed: int
    width: int
    height: int
    label: str
    score: float
    id: str
    def __init__(self, data: _Optional[bytes] = ..., seed: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., label: _Optional[str] = ..., score: _Optional[float] = ..., id: _Optional[str] = ...) -> None: ...

class Provenance(_message.Message):
    __slots__ = ("model", "model_version", "style", "style_mix", "style_picture_sha256", "style_strength", "preserve_colour", "truncation")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    STYLE_MIX_FIELD_NUMBER: _ClassVar[int]
    STYLE_PICTURE_SHA256_FIELD_NUMBER: _ClassVar[int]
    STYLE_STRENGTH_FIELD_NUMBER: _ClassVar[int]
    PRESERVE_COLOUR_FIELD_NUMBER: _ClassVar[int]
    TRUNCATION_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_version: str
    style: str
    style_mix: _containers.RepeatedCompositeFieldContainer[StyleWeight]
    style_picture_sha256: str
    style_strength: float
    preserve_colour: bool
    truncation: float
    def __init__(self, model: _Optional[str] = ..., model_version: _Optional[str] = ..., style: _Optional[str] = ..., style_mix: _Optional[_Iterable[_Union[StyleWeight, _Mapping]]] = ..., style_picture_sha256: _Optional[str] = ..., style_strength: _Optional[float] = ..., preserve_colour: _Optional[bool] = ..., truncation: _Optional[float] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("pictures", "format", "provenance")
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    pictures: _containers.RepeatedCompositeFieldContainer[Picture]
    format: OutputFormat
    provenance: Provenance
    def __init__(self, pictures: _Optional[_Iterable[_Union[Picture, _Mapping]]] = ..., format: _Optional[_Union[OutputFormat, str]] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ...) -> None: ...

class GenerateStreamResponse(_message.Message):
    __slots__ = ("index", "picture", "format", "provenance")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    index: int
    picture: Picture
    format: OutputFormat
    provenance: Provenance
    def __init__(self, index: _Optional[int] = ..., picture: _Optional[_Union[Picture, _Mapping]] = ..., format: _Optional[_Union[OutputFormat, str]] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ...) -> None: ...

class StylizeRequest(_message.Message):
    __slots__ = ("picture", "style", "style_mix", "style_picture", "style_strength", "preserve_colour", "max_side", "format", "quality", "store", "priority", "content_credentials")
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    STYLE_MIX_FIELD_NUMBER: _ClassVar[int]
    STYLE_PICTURE_FIELD_NUMBER: _ClassVar[int]
    STYLE_STRENGTH_FIELD_NUMBER: _ClassVar[int]
    PRESERVE_COLOUR_FIELD_NUMBER: _ClassVar[int]
    MAX_SIDE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CONTENT_CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    picture: bytes
    style: str
    style_mix: _containers.RepeatedCompositeFieldContainer[StyleWeight]
    style_picture: bytes
    style_strength: float
    preserve_colour: bool
    max_side: int
    format: OutputFormat
    quality: int
    store: bool
    priority: Priority
    content_credentials: bool
    def __init__(self, picture: _Optional[bytes] = ..., style: _Optional[str] = ..., style_mix: _Optional[_Iterable[_Union[StyleWeight, _Mapping]]] = ..., style_picture: _Optional[bytes] = ..., style_strength: _Optional[float] = ..., preserve_colour: _Optional[bool] = ..., max_side: _Optional[int] = ..., format: _Optional[_Union[OutputFormat, str]] = ..., quality: _Optional[int] = ..., store: _Optional[bool] = ..., priority: _Optional[_Union[Priority, str]] = ..., content_credentials: _Optional[bool] = ...) -> None: ...

class StylizeResponse(_message.Message):
    __slots__ = ("picture", "format", "provenance")
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    picture: Picture
    format: OutputFormat
    provenance: Provenance
    def __init__(self, picture: _Optional[_Union[Picture, _Mapping]] = ..., format: _Optional[_Union[OutputFormat, str]] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ...) -> None: ...

class Waypoint(_message.Message):
    __slots__ = ("seed", "latent", "style", "style_mix", "style_picture", "style_strength")
    SEED_FIELD_NUMBER: _ClassVar[int]
    LATENT_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    STYLE_MIX_FIELD_NUMBER: _ClassVar[int]
    STYLE_PICTURE_FIELD_NUMBER: _ClassVar[int]
    STYLE_STRENGTH_FIELD_NUMBER: _ClassVar[int]
    seed: int
    latent: Latent
    style: str
    style_mix: _containers.RepeatedCompositeFieldContainer[StyleWeight]
    style_picture: bytes
    style_strength: float
    def __init__(self, seed: _Optional[int] = ..., latent: _Optional[_Union[Latent, _Mapping]] = ..., style: _Optional[str] = ..., style_mix: _Optional[_Iterable[_Union[StyleWeight, _Mapping]]] = ..., style_picture: _Optional[bytes] = ..., style_strength: _Optional[float] = ...) -> None: ...

class InterpolateRequest(_message.Message):
    __slots__ = ("start", "end", "frames", "model", "label", "preserve_colour", "format", "quality", "animation", "frame_milliseconds", "size", "store", "priority", "content_credentials")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PRESERVE_COLOUR_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    ANIMATION_FIELD_NUMBER: _ClassVar[int]
    FRAME_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CONTENT_CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    start: Waypoint
    end: Waypoint
    frames: int
    model: str
    label: str
    preserve_colour: bool
    format: OutputFormat
    quality: int
    animation: bool
    frame_milliseconds: int
    size: int
    store: bool
    priority: Priority
    content_credentials: bool
    def __init__(self, start: _Optional[_Union[Waypoint, _Mapping]] = ..., end: _Optional[_Union[Waypoint, _Mapping]] = ..., frames: _Optional[int] = ..., model: _Optional[str] = ..., label: _Optional[str] = ..., preserve_colour: _Optional[bool] = ..., format: _Optional[_Union[OutputFormat, str]] = ..., quality: _Optional[int] = ..., animation: _Optional[bool] = ..., frame_milliseconds: _Optional[int] = ..., size: _Optional[int] = ..., store: _Optional[bool] = ..., priority: _Optional[_Union[Priority, str]] = ..., content_credentials: _Optional[bool] = ...) -> None: ...

class InterpolateResponse(_message.Message):
    __slots__ = ("index", "picture", "format", "model", "model_version")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    index: int
    picture: Picture
    format: OutputFormat
    model: str
    model_version: str
    def __init__(self, index: _Optional[int] = ..., picture: _Optional[_Union[Picture, _Mapping]] = ..., format: _Optional[_Union[OutputFormat, str]] = ..., model: _Optional[str] = ..., model_version: _Optional[str] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "version", "is_default", "width", "height", "latent_size", "classes", "ranks", "sizes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    LATENT_SIZE_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    RANKS_FIELD_NUMBER: _ClassVar[int]
    SIZES_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    is_default: bool
    width: int
    height: int
    latent_size: int
    classes: _containers.RepeatedScalarFieldContainer[str]
    ranks: bool
    sizes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., is_default: _Optional[bool] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., latent_size: _Optional[int] = ..., classes: _Optional[_Iterable[str]] = ..., ranks: _Optional[bool] = ..., sizes: _Optional[_Iterable[int]] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class ListStylesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Style(_message.Message):
    __slots__ = ("name", "title", "artist")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    ARTIST_FIELD_NUMBER: _ClassVar[int]
    name: str
    title: str
    artist: str
    def __init__(self, name: _Optional[str] = ..., title: _Optional[str] = ..., artist: _Optional[str] = ...) -> None: ...

class ListStylesResponse(_message.Message):
    __slots__ = ("styles", "reads_pictures")
    STYLES_FIELD_NUMBER: _ClassVar[int]
    READS_PICTURES_FIELD_NUMBER: _ClassVar[int]
    styles: _containers.RepeatedCompositeFieldContainer[Style]
    reads_pictures: bool
    def __init__(self, styles: _Optional[_Iterable[_Union[Style, _Mapping]]] = ..., reads_pictures: _Optional[bool] = ...) -> None: ...

class StoredPicture(_message.Message):
    __slots__ = ("id", "created_at", "format", "width", "height", "byte_size", "sha256", "model", "model_version", "seed", "label", "score", "styles", "recipe", "data")
    ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    BYTE_SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STYLES_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    id: str
    created_at: _timestamp_pb2.Timestamp
    format: OutputFormat
    width: int
    height: int
    byte_size: int
    sha256: str
    model: str
    model_version: str
    seed: int
    label: str
    score: float
    styles: _containers.RepeatedCompositeFieldContainer[StyleWeight]
    recipe: str
    data: bytes
    def __init__(self, id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., format: _Optional[_Union[OutputFormat, str]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., byte_size: _Optional[int] = ..., sha256: _Optional[str] = ..., model: _Optional[str] = ..., model_version: _Optional[str] = ..., seed: _Optional[int] = ..., label: _Optional[str] = ..., score: _Optional[float] = ..., styles: _Optional[_Iterable[_Union[StyleWeight, _Mapping]]] = ..., recipe: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class GetPictureRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ListPicturesRequest(_message.Message):
    __slots__ = ("seed", "style", "model", "label", "created_from", "created_before", "page_size", "page_token")
    SEED_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CREATED_FROM_FIELD_NUMBER: _ClassVar[int]
    CREATED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    seed: int
    style: str
    model: str
    label: str
    created_from: _timestamp_pb2.Timestamp
    created_before: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, seed: _Optional[int] = ..., style: _Optional[str] = ..., model: _Optional[str] = ..., label: _Optional[str] = ..., created_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPicturesResponse(_message.Message):
    __slots__ = ("pictures", "next_page_token")
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    pictures: _containers.RepeatedCompositeFieldContainer[StoredPicture]
    next_page_token: str
    def __init__(self, pictures: _Optional[_Iterable[_Union[StoredPicture, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeletePictureRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DeletePictureResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
