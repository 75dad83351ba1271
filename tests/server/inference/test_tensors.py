"""Every datatype, as bytes and as numbers."""

import ml_dtypes
import numpy as np
import pytest
from tritonclient.utils import triton_to_np_dtype

from server.errors import InvalidArgument, Overloaded
from server.inference.memory import Memory, Share
from server.inference.tensors import datatype_of, from_numbers, from_raw, to_numbers

WHOLE = ["INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"]
REAL = ["FP32", "FP64"]
HALF = ["FP16", "BF16"]


@pytest.mark.parametrize("datatype", ["BOOL", *WHOLE, *REAL, *HALF])
@pytest.mark.parametrize("shape", [(2, 3), (6,), (0, 3), (), (1, 1, 6)])
def test_bytes_become_the_array_they_came_from(datatype: str, shape: tuple[int, ...]) -> None:
    dtype = np.dtype(triton_to_np_dtype(datatype))
    values = np.resize(np.array([0, 1, 1, 0, 0, 1]), shape).astype(dtype)
    array = from_raw("x", datatype, shape, values.tobytes())
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, values)
    assert datatype_of(array.dtype) == datatype


def test_bytes_are_not_copied() -> None:
    data = np.arange(4, dtype=np.float32).tobytes()
    array = from_raw("x", "FP32", (2, 2), data)
    assert array.ctypes.data == np.frombuffer(data, np.uint8).ctypes.data


def test_any_byte_but_0_is_true() -> None:
    array = from_raw("x", "BOOL", (3,), b"\x00\x02\xff")
    assert array.tobytes() == b"\x00\x01\x01"


@pytest.mark.parametrize("datatype", WHOLE)
def test_whole_numbers_keep_within_their_range(datatype: str) -> None:
    bounds = np.iinfo(triton_to_np_dtype(datatype))
    ends = [int(bounds.min), int(bounds.max)]
    array = from_numbers("x", datatype, (2,), ends)
    assert array.tolist() == ends == to_numbers("x", array)
    for value in (bounds.min - 1, bounds.max + 1):
        with pytest.raises(InvalidArgument, match=f"values of {datatype}"):
            from_numbers("x", datatype, (1,), [int(value)])


@pytest.mark.parametrize("datatype", REAL)
def test_real_numbers_may_be_whole_or_odd(datatype: str) -> None:
    array = from_numbers("x", datatype, (2, 2), [[1, 2.5], [float("nan"), float("-inf")]])
    assert array[0].tolist() == [1, 2.5]
    assert np.isnan(array[1, 0])
    assert array[1, 1] == -np.inf


def test_truths() -> None:
    assert from_numbers("x", "BOOL", (2,), [True, False]).tolist() == [True, False]
    with pytest.raises(InvalidArgument):
        from_numbers("x", "BOOL", (2,), [1, 0])


@pytest.mark.parametrize("datatype", HALF)
def test_halves_travel_as_bytes_only(datatype: str) -> None:
    with pytest.raises(InvalidArgument, match="as raw bytes"):
        from_numbers("x", datatype, (1,), [1.0])
    with pytest.raises(InvalidArgument, match="binary_data true"):
        to_numbers("y", np.zeros(1, triton_to_np_dtype(datatype)))


def test_bfloat16_has_its_own_type() -> None:
    array = from_raw("x", "BF16", (1,), np.array([1.5], ml_dtypes.bfloat16).tobytes())
    assert float(array[0]) == 1.5


def test_memory_is_shared_out_and_comes_back() -> None:
    memory = Memory(100)
    first, second = Share(memory), Share(memory)
    first.take(60)
    second.take(30)
    with pytest.raises(Overloaded, match="90 bytes are under way"):
        second.take(11)
    with pytest.raises(InvalidArgument, match="at most 100 bytes, got 101"):
        second.take(101)
    first.give_back()
    second.take(70)
    second.give_back()
    assert memory.taken == 0
