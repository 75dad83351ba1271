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
OUTPUT_FORMAT_UNSPECIFIED: OutputFormat
OUTPUT_FORMAT_PNG: OutputFormat
OUTPUT_FORMAT_RAW_RGB8: OutputFormat

class GenerateRequest(_message.Message):
    __slots__ = ("seed", "count", "style", "style_strength", "format", "preserve_colour")
    SEED_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    STYLE_STRENGTH_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    PRESERVE_COLOUR_FIELD_NUMBER: _ClassVar[int]
    seed: int
    count: int
    style: str
    style_strength: float
    format: OutputFormat
    preserve_colour: bool
    def __init__(self, seed: _Optional[int] = ..., count: _Optional[int] = ..., style: _Optional[str] = ..., style_strength: _Optional[float] = ..., format: _Optional[_Union[OutputFormat, str]] = ..., preserve_colour: _Optional[bool] = ...) -> None: ...

class Picture(_message.Message):
    __slots__ = ("data", "seed", "width", "height")
    DATA_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    seed: int
    width: int
    height: int
    def __init__(self, data: _Optional[bytes] = ..., seed: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("pictures", "format", "model", "model_version", "style", "style_strength", "preserve_colour")
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    STYLE_STRENGTH_FIELD_NUMBER: _ClassVar[int]
    PRESERVE_COLOUR_FIELD_NUMBER: _ClassVar[int]
    pictures: _containers.RepeatedCompositeFieldContainer[Picture]
    format: OutputFormat
    model: str
    model_version: str
    style: str
    style_strength: float
    preserve_colour: bool
    def __init__(self, pictures: _Optional[_Iterable[_Union[Picture, _Mapping]]] = ..., format: _Optional[_Union[OutputFormat, str]] = ..., model: _Optional[str] = ..., model_version: _Optional[str] = ..., style: _Optional[str] = ..., style_strength: _Optional[float] = ..., preserve_colour: _Optional[bool] = ...) -> None: ...
