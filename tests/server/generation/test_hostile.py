"""Whatever bytes and fields come, the answer is a picture, a request, or a sentence."""

import io
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from server.errors import InvalidArgument
from server.generation.decoding import PictureFile
from server.generation.latents import given_latents, latents, walk
from server.generation.requests import (
    GenerationRequest,
    InterpolationRequest,
    PictureQuery,
    StylizationRequest,
)
from server.generation.validation import validated, validated_json

KINDS = [GenerationRequest, StylizationRequest, InterpolationRequest, PictureQuery]
FUZZ = settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def _file(file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (40, 48, 3), np.uint8)
    Image.fromarray(noise).save(file, file_format, **options)
    return file.getvalue()


_exif = Image.Exif()
_exif[0x0112] = 6
FILES = [
    _file("PNG"),
    _file("PNG", exif=_exif),
    _file("JPEG", exif=_exif, progressive=True),
    _file("WEBP", exif=_exif),
    _file("WEBP", lossless=True),
]
# Where a file is changed, and what to: few bytes, so that most of it still makes sense.
changes = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=8)
fields = [*(name for kind in KINDS for name in kind.model_fields), "unknown"]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(fields), inner),
    max_leaves=8,
)


@FUZZ
@given(data=st.sampled_from(FILES), changed=changes, kept=st.integers(1, 6000))
def test_broken_files_are_named(data: bytes, changed: list[tuple[int, int]], kept: int) -> None:
    broken = bytearray(data)
    for place, value in changed:
        broken[place % len(broken)] = value
    with suppress(InvalidArgument):
        file = PictureFile(bytes(broken[:kept]), "picture", 1024)
        image = file.pixels()
        assert image.shape == (1, 3, file.height, file.width)
        assert image.dtype == np.float32
        assert max(file.height, file.width) <= 1024
        assert np.abs(image).max() <= 1


@FUZZ
@given(data=st.binary(max_size=200))
def test_other_bytes_are_no_picture(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="picture: expected"):
        PictureFile(data, "picture", 1024)


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(arguments=st.dictionaries(st.sampled_from(fields), values))
def test_fields_are_in_bounds_or_named(kind: type, arguments: dict[str, object]) -> None:
    with suppress(InvalidArgument):
        request = validated(kind, arguments)
        assert 1 <= request.quality <= 100


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(document=st.binary(max_size=100) | st.text().map(str.encode))
def test_documents_are_requests_or_named(kind: type, document: bytes) -> None:
    with suppress(InvalidArgument):
        validated_json(kind, document)


@FUZZ
@given(rows=st.lists(st.lists(st.floats(), min_size=3, max_size=5), min_size=1, max_size=3))
def test_latents_are_finite_or_named(rows: list[list[float]]) -> None:
    with suppress(InvalidArgument):
        row = given_latents(rows, 4, "latents")
        assert np.isfinite(row).all()
        walked = walk(row[0], row[-1], np.linspace(0, 1, 5))
        assert np.isfinite(walked).all()
        assert (np.linalg.norm(walked, axis=1) > 0).all()


@FUZZ
@given(seed=st.integers(0, 2**64 - 1), truncation=st.floats(0.11, 10))
def test_truncated_latents_are_within_their_bound(seed: int, truncation: float) -> None:
    (row,) = latents([seed], 64, truncation)
    assert np.abs(row).max() <= np.float32(truncation)
    assert np.array_equal(row, latents([seed], 64, truncation)[0])
