"""Protocol messages as JSON, in the shape in which Triton sends them over HTTP."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

_WIDE = {
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT64,
}


def to_json(message: Message) -> dict[str, Any]:
    """All fields under the proto's names; 64-bit integers are numbers, as in Triton's answers."""
    document = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    _widen(message, document)
    return document


def _widen(message: Message, document: dict[str, Any]) -> None:
    """Put numbers where protobuf's JSON has texts, since JavaScript's numbers are narrower."""
    for field in message.DESCRIPTOR.fields:
        if field.name not in document:
            continue
        held, value = getattr(message, field.name), document[field.name]
        if field.cpp_type in _WIDE:
            many = isinstance(value, list)
            document[field.name] = [int(item) for item in value] if many else int(value)
        elif field.message_type is None:
            continue
        elif field.message_type.GetOptions().map_entry:
            _widen_map(field, held, value)
        elif isinstance(value, list):
            for part, inner in zip(held, value, strict=True):
                _widen(part, inner)
        else:
            _widen(held, value)


def _widen_map(field: FieldDescriptor, held: Any, document: dict[str, Any]) -> None:
    values = field.message_type.fields_by_name["value"]
    for key in held:
        # Keys are texts in any JSON.
        text = str(key)
        if values.message_type is not None:
            _widen(held[key], document[text])
        elif values.cpp_type in _WIDE:
            document[text] = int(document[text])
