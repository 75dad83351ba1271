"""response_cache: answers that were computed before."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from running_engine import ALL_EXPLICIT, answer, ask, request, running_engine
from tiny_models import write_ensemble, write_model, write_version

from server.engines.base import Deadline, InferenceRequest
from server.engines.onnxruntime.cache import ResponseCache
from server.engines.onnxruntime.engine import OnnxRuntimeEngine
from server.errors import DeadlineExceeded, InvalidArgument

CACHED = "response_cache { enable: true }"
MEBIBYTE = 1 << 20


class Lookups(list[tuple[str, bool]]):
    """What a cache told."""

    def __call__(self, model: str, hit: bool) -> None:
        self.append((model, hit))

    @property
    def hits(self) -> list[bool]:
        return [hit for _, hit in self]


@pytest.fixture
def lookups() -> Lookups:
    return Lookups()


@pytest.fixture
def cache(lookups: Lookups) -> ResponseCache:
    return ResponseCache(MEBIBYTE, lookups)


async def counts(engine: OnnxRuntimeEngine, model: str = "add_one") -> tuple[int, int, int, int]:
    """Inferences, executions, hits, misses."""
    (item,) = await engine.statistics(model)
    stats = item.inference_stats
    return (
        item.inference_count,
        item.execution_count,
        stats.cache_hit.count,
        stats.cache_miss.count,
    )


async def test_hit_is_the_same_answer(
    tmp_path: Path, cache: ResponseCache, lookups: Lookups
) -> None:
    write_model(tmp_path, CACHED)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        asked = InferenceRequest("add_one", {"x": np.random.default_rng(0).random((3, 5), "f")})
        first = await engine.infer(asked)
        second = await engine.infer(asked)
        assert first.outputs["y"].tobytes() == second.outputs["y"].tobytes()
        assert second.version == "1"
        assert lookups == [("add_one", False), ("add_one", True)]
        # As in Triton, a hit is no inference.
        assert await counts(engine) == (3, 1, 1, 1)
        (item,) = await engine.statistics("add_one")
        assert item.inference_stats.success.count == 2


async def test_nobody_can_change_an_answer(tmp_path: Path, cache: ResponseCache) -> None:
    write_model(tmp_path, CACHED)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        first = await engine.infer(request())
        if first.outputs["y"].flags.writeable:
            first.outputs["y"][:] = 99
        second = await engine.infer(request())
        assert answer(second) == 1
        with pytest.raises(ValueError, match="read-only"):
            second.outputs["y"][:] = 99


@pytest.mark.parametrize(
    "other",
    [
        {"x": np.full((1, 4), 1, np.float32)},
        {"x": np.zeros((2, 2), np.float32)},
        {"x": np.zeros((1, 5), np.float32)},
        {"x": np.full((1, 4), -0.0, np.float32)},
    ],
    ids=["values", "shape", "size", "minus zero"],
)
async def test_other_inputs_miss(
    tmp_path: Path, cache: ResponseCache, lookups: Lookups, other: dict[str, np.ndarray]
) -> None:
    write_model(tmp_path, CACHED)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        await engine.infer(request())
        result = await engine.infer(InferenceRequest("add_one", other))
        assert lookups.hits == [False, False]
        assert result.outputs["y"].shape == other["x"].shape


async def test_wanted_outputs_and_versions_are_told_apart(
    tmp_path: Path, cache: ResponseCache, lookups: Lookups
) -> None:
    folder = write_model(tmp_path, CACHED + " version_policy { all {} }")
    write_version(folder, "2", added=2)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        assert [await ask(engine, version=item) for item in ("1", "2", "1", "")] == [1, 2, 1, 2]
        assert lookups.hits == [False, False, True, True]
        inputs = request().inputs
        await engine.infer(InferenceRequest("add_one", inputs, outputs=["y"]))
        assert lookups.hits[4:] == [False]


async def test_layout_in_memory_does_not_matter(
    tmp_path: Path, cache: ResponseCache, lookups: Lookups
) -> None:
    write_model(tmp_path, CACHED)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        rows = np.arange(8, dtype=np.float32).reshape(2, 4)
        for array in (rows, np.asfortranarray(rows), np.repeat(rows, 2, axis=1)[:, ::2]):
            result = await engine.infer(InferenceRequest("add_one", {"x": array}))
            assert result.outputs["y"].tolist() == (rows + 1).tolist()
        assert lookups.hits == [False, True, True]


async def test_large_inputs(tmp_path: Path, cache: ResponseCache, lookups: Lookups) -> None:
    """These are hashed beside the event loop."""
    write_model(tmp_path, CACHED)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        large = InferenceRequest("add_one", {"x": np.ones((2, 50_000), np.float32)})
        for _ in range(2):
            assert (await engine.infer(large)).outputs["y"][1, -1] == 2
        assert lookups.hits == [False, True]


async def test_least_recently_used_goes_first(tmp_path: Path, lookups: Lookups) -> None:
    write_model(tmp_path, CACHED)
    cache = ResponseCache(0, lookups)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        cache.byte_size = MEBIBYTE
        await ask(engine, value=0)
        cache.byte_size = 3 * cache.used
        for value in (1, 2, 0, 3):
            await ask(engine, value=value)
        assert lookups.hits == [False, False, False, True, False]
        assert cache.used == cache.byte_size
        for value in (0, 2, 3, 1):
            await ask(engine, value=value)
        assert lookups.hits[5:] == [True, True, True, False], "1 had to go for 3"
        assert len(cache) == 3


async def test_answer_larger_than_the_cache(tmp_path: Path, lookups: Lookups) -> None:
    write_model(tmp_path, CACHED)
    cache = ResponseCache(2000, lookups)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        await ask(engine)
        for _ in range(2):
            await engine.infer(request(size=1000))
        await ask(engine)
        assert lookups.hits == [False, False, False, True]
        assert cache.used <= 2000


async def test_small_answers_are_bounded_too(tmp_path: Path, lookups: Lookups) -> None:
    write_model(tmp_path, CACHED)
    cache = ResponseCache(10_000, lookups)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        for value in range(200):
            await engine.infer(request(value=value, size=1))
        assert 0 < len(cache) < 20


async def test_reload_and_unload_forget(
    tmp_path: Path, cache: ResponseCache, lookups: Lookups
) -> None:
    folder = write_model(tmp_path, CACHED)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        assert await ask(engine) == 1
        write_version(folder, "1", added=7)
        await engine.load("add_one")
        assert await ask(engine) == 7, "not what the old one said"
        await engine.unload("add_one")
        assert (len(cache), cache.used) == (0, 0)


async def test_unload_while_misses_are_computed(tmp_path: Path, cache: ResponseCache) -> None:
    write_model(tmp_path, CACHED)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        large = [{"x": np.full((4, 20_000), value, np.float32)} for value in range(20)]
        tasks = [
            asyncio.create_task(engine.infer(InferenceRequest("add_one", inputs)))
            for inputs in large
        ]
        await asyncio.sleep(0)
        await engine.unload("add_one")
        results = [await task for task in tasks]
        assert [answer(item) for item in results] == list(range(1, 21))
        assert (len(cache), cache.used) == (0, 0), "nobody added to it afterwards"


async def test_bad_requests_are_not_kept(
    tmp_path: Path, cache: ResponseCache, lookups: Lookups
) -> None:
    write_model(tmp_path, CACHED)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        for _ in range(2):
            with pytest.raises(InvalidArgument):
                await engine.infer(InferenceRequest("add_one", {"x": np.zeros((9, 1), np.float32)}))
        late = InferenceRequest("add_one", request().inputs, deadline=Deadline.after(-1))
        with pytest.raises(DeadlineExceeded):
            await engine.infer(late)
        assert lookups.hits == [False, False]
        assert len(cache) == 0


async def test_model_that_does_not_ask_is_not_cached(
    tmp_path: Path, cache: ResponseCache, lookups: Lookups
) -> None:
    write_model(tmp_path)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        await ask(engine)
        await ask(engine)
        assert lookups == []
        assert await counts(engine) == (2, 2, 0, 0)


async def test_server_without_a_cache_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_model(tmp_path, CACHED)
    async with running_engine(tmp_path, ALL_EXPLICIT) as engine:
        await ask(engine)
        await ask(engine)
        assert await counts(engine) == (2, 2, 0, 0)
    assert "add_one: served without response_cache: the server has no cache" in caplog.text


async def test_ensemble_of_cached_steps(
    tmp_path: Path, cache: ResponseCache, lookups: Lookups
) -> None:
    folder = write_model(tmp_path, CACHED)
    write_ensemble(tmp_path, ["add_one", "add_one"], extra=CACHED)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        assert await ask(engine, "chain") == 2
        assert await ask(engine, "chain") == 2
        assert lookups == [
            ("chain", False),
            ("add_one", False),
            ("add_one", False),
            ("chain", True),
        ]
        write_version(folder, "1", added=5)
        await engine.load("add_one")
        assert await ask(engine, "chain") == 10, "a reloaded step makes other answers"


async def test_ensemble_with_a_step_that_is_not_cached(
    tmp_path: Path, cache: ResponseCache, lookups: Lookups, caplog: pytest.LogCaptureFixture
) -> None:
    write_model(tmp_path)
    write_ensemble(tmp_path, ["add_one"], extra=CACHED)
    async with running_engine(tmp_path, ALL_EXPLICIT, cache) as engine:
        for _ in range(2):
            assert await ask(engine, "chain") == 1
        assert lookups == []
    assert "chain: served without response_cache: not all of its steps have one" in caplog.text
