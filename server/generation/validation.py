"""From pydantic's faults to the sentence that a caller reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from server.errors import InvalidArgument

Model = TypeVar("Model", bound=BaseModel)
_MAX_QUOTES = 2000
_FALLBACKS = {
    "too_long": "fewer entries",
    "missing": "a value",
    "extra_forbidden": "no field of this name",
    "json_invalid": "a JSON document",
}


def expected(text: str) -> WrapValidator:
    """Says of whatever does not fit a field what would have fitted; stands last in `Annotated`."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            raise fault(text) from error

    return WrapValidator(check)


def fault(text: str, field: str = "", got: object = None) -> PydanticCustomError:
    """What a validator raises: `text` was expected, of `field` where it looks at several."""
    context = {"expected": text, "field": field, "got": got}
    return PydanticCustomError("expected", "expected {expected}", context)


def validated(kind: type[Model], arguments: Mapping[str, Any]) -> Model:
    """A `kind` of `arguments`.

    Raises:
        InvalidArgument: names the first field that is wrong, what was expected and what came.
    """
    try:
        return kind.model_validate(arguments)
    except ValidationError as error:
        raise _invalid(error) from error


def validated_json(kind: type[Model], document: bytes) -> Model:
    """A `kind` of a JSON document; files are base64, and numbers may be texts of digits.

    Raises:
        InvalidArgument: as above, or it is no JSON.
    """
    # Every unknown name is a fault that is remembered; files and numbers need no quotes.
    if document.count(b'"') > _MAX_QUOTES:
        raise InvalidArgument("request", f"at most {_MAX_QUOTES} quotes", "more")
    try:
        return kind.model_validate_json(document)
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> InvalidArgument:
    """The first fault in the gateway's words."""
    first = error.errors(include_url=False)[0]
    context = first.get("ctx", {})
    field = ".".join(map(str, (*first["loc"], context.get("field") or ""))).strip(".")
    wanted = context.get("expected") or _FALLBACKS.get(first["type"], first["msg"])
    got = _shown(first["input"]) if context.get("got") is None else context["got"]
    return InvalidArgument(field or "request", wanted, got)


def _shown(value: object) -> object:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    # The whole request, of which one field is missing.
    if isinstance(value, Mapping):
        return "none"
    return repr(value) if isinstance(value, str) else value
