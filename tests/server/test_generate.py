"""A seed becomes a painted picture: the real server, the real client."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from impasto import AsyncClient, Client, PictureFormat
from running_server import REPOSITORY, RunningServer, running_server

STYLES = ("great_wave", "cafe_terrace", "village_street", "composition_viii")


def test_answers_with_a_painted_png(client: Client) -> None:
    (picture,) = client.generate(seed=7, style="great_wave")
    assert picture.data.startswith(b"\x89PNG\r\n\x1a\n")
    image = picture.image()
    assert image.size == (picture.width, picture.height) == (256, 256)
    assert np.asarray(image).std() > 10, "a flat picture is no painting"
    assert (picture.seed, picture.style, picture.style_strength) == (7, "great_wave", 1.0)
    assert (picture.model, picture.model_version) == ("landscapes", "1")


def test_same_seed_and_style_give_same_bytes(client: Client) -> None:
    first, second = (client.generate(seed=7, style="great_wave")[0].data for _ in range(2))
    assert first == second


@pytest.mark.parametrize("style", ["", *STYLES])
def test_same_bytes_inside_a_batch_of_eight(client: Client, style: str) -> None:
    batch = client.generate(seed=3, count=8, style=style)
    assert [picture.seed for picture in batch] == list(range(3, 11))
    for picture in batch:
        (alone,) = client.generate(seed=picture.seed, style=style)
        assert alone.data == picture.data


@pytest.fixture
def sociable(tmp_path: Path) -> Iterator[RunningServer]:
    """A server whose models wait for full batches, whether or not these pay on this machine."""
    repository = shutil.copytree(REPOSITORY, tmp_path / "models")
    for name in ("landscapes_generator", "stylizer"):
        config = repository / name / "config.pbtxt"
        batching = "dynamic_batching { preferred_batch_size: 4 max_queue_delay_microseconds: 50000"
        config.write_text(config.read_text().replace("dynamic_batching {", batching))
    flags = ("--model-repository", str(repository), "--max-backlog", "64")
    with running_server(*flags) as running:
        yield running


async def test_same_bytes_whatever_the_neighbours_ask(
    server: RunningServer, sociable: RunningServer
) -> None:
    """Concurrent requests of different styles share batches; none may colour another."""
    async with AsyncClient(server.target) as quiet, AsyncClient(sociable.target) as client:
        asked = [(seed, style) for seed in range(4) for style in STYLES]
        alone = [(await quiet.generate(seed=seed, style=style))[0].data for seed, style in asked]
        before = sociable.metrics()
        answers = await asyncio.gather(
            *(client.generate(seed=seed, style=style) for seed, style in asked * 3)
        )
        assert [picture.data for (picture,) in answers] == alone * 3
    after = sociable.metrics()
    alone_in_batch = ("impasto_batch_size_bucket", "1.0", "stylizer")
    alone_now = after.get(alone_in_batch, 0) - before.get(alone_in_batch, 0)
    assert alone_now < len(answers), "no batch was shared"


def test_different_seeds_and_styles_give_different_pictures(client: Client) -> None:
    pictures = [
        client.generate(seed=seed, style=style)[0].data
        for seed in (7, 8)
        for style in ("", *STYLES)
    ]
    assert len(set(pictures)) == len(pictures)


def test_raw_pixels_are_the_pngs_pixels(client: Client) -> None:
    (png,) = client.generate(seed=7, style="cafe_terrace")
    (raw,) = client.generate(seed=7, style="cafe_terrace", picture_format=PictureFormat.RAW_RGB8)
    assert len(raw.data) == raw.width * raw.height * 3
    assert np.array_equal(np.asarray(png.image()), np.asarray(raw.image()))


def test_strength_goes_from_the_plain_to_the_painted_picture(client: Client) -> None:
    def pixels(style: str, strength: float) -> np.ndarray:
        (picture,) = client.generate(seed=7, style=style, style_strength=strength)
        return np.asarray(picture.image()).astype(float)

    plain = pixels("", 1.0)
    assert np.array_equal(pixels("great_wave", 0.0), plain)
    distances = [
        np.abs(pixels("great_wave", strength) - plain).mean() for strength in (0, 0.25, 0.5, 1)
    ]
    assert distances == sorted(distances)
    assert distances[-1] > 5


def test_absent_seed_is_drawn_and_reproduces(client: Client) -> None:
    (drawn,) = client.generate()
    (other,) = client.generate()
    assert drawn.seed != other.seed
    (again,) = client.generate(seed=drawn.seed)
    assert again.data == drawn.data


def test_seeds_wrap_around_at_64_bits(client: Client) -> None:
    pictures = client.generate(seed=2**64 - 1, count=2)
    assert [picture.seed for picture in pictures] == [2**64 - 1, 0]


def test_request_larger_than_a_batch(client: Client) -> None:
    pictures = client.generate(seed=0, count=64, picture_format=PictureFormat.RAW_RGB8)
    assert len({picture.data for picture in pictures}) == 64


def test_preserved_colours_leave_the_chroma_of_the_plain_picture(client: Client) -> None:
    def pixels(style: str, preserve_colour: bool = False) -> np.ndarray:
        (picture,) = client.generate(seed=7, style=style, preserve_colour=preserve_colour)
        assert picture.preserve_colour == preserve_colour
        return np.asarray(picture.image(), np.float32)

    def chroma(image: np.ndarray) -> np.ndarray:
        return image - image @ np.array([0.299, 0.587, 0.114], np.float32)[..., None]

    plain, painted, kept = pixels(""), pixels("night_cafe"), pixels("night_cafe", True)
    assert np.abs(kept - plain).mean() > 5, "it is painted"
    near, far = (np.abs(chroma(image) - chroma(plain)).mean() for image in (kept, painted))
    assert near < 0.2 * far


@pytest.mark.parametrize("model", ["landscapes", "nebulae", "fashion"])
def test_both_models_run_in_one_batch(server: RunningServer, model: str) -> None:
    """Painted at once, without queueing again."""
    answer = httpx.get(f"{server.http}/v1/picture?seed=1&model={model}").raise_for_status()
    stages = dict(part.split(";dur=") for part in answer.headers["server-timing"].split(", "))
    assert float(stages["stylizer"]) > 0
    assert float(stages["stylizer.queue"]) == 0
