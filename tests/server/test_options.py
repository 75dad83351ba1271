"""Everything that a generation request may ask for beside seed and style."""

import io

import numpy as np
import pytest
from impasto import Client, ImpastoError, Picture, PictureFormat, Waypoint
from PIL import Image

RAW = PictureFormat.RAW_RGB8


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(picture.image(), np.float32)


@pytest.mark.parametrize(
    ("picture_format", "magic"),
    [(PictureFormat.JPEG, b"\xff\xd8\xff"), (PictureFormat.WEBP, b"RIFF")],
)
def test_lossy_formats_are_smaller_the_lower_their_quality(
    client: Client, picture_format: PictureFormat, magic: bytes
) -> None:
    (exact,) = client.generate(seed=7, style="great_wave")
    sizes = []
    for quality in (20, 95):
        (picture,) = client.generate(
            seed=7, style="great_wave", picture_format=picture_format, quality=quality
        )
        assert picture.data.startswith(magic)
        assert picture.image().size == (256, 256)
        sizes.append(len(picture.data))
    assert sizes[0] < sizes[1] < len(exact.data)
    assert np.abs(pixels(picture) - pixels(exact)).mean() < 10


def test_a_latent_of_ones_own_makes_a_picture(client: Client) -> None:
    rows = np.random.default_rng(5).standard_normal((2, 64)).tolist()
    first, second = client.generate(latents=rows, picture_format=RAW)
    assert first.seed is second.seed is None
    assert first.data != second.data
    # A latent is a direction: its length does not matter.
    scaled = [[3 * value for value in rows[0]]]
    (again,) = client.generate(latents=scaled, picture_format=RAW)
    assert np.abs(pixels(again) - pixels(first)).max() <= 1


@pytest.mark.parametrize("model", ["nebulae", "landscapes"])
def test_the_model_can_be_chosen(client: Client, model: str) -> None:
    (picture,) = client.generate(seed=7, model=model)
    assert picture.model == model
    default = client.generate(seed=7)[0]
    assert (picture.data == default.data) == (model == default.model)


def test_classes_go_round_with_the_seed_and_can_be_named(client: Client) -> None:
    known = next(model for model in client.models() if model.name == "fashion").classes
    assert len(known) == 10
    pictures = client.generate(seed=0, count=10, model="fashion", picture_format=RAW)
    assert tuple(picture.label for picture in pictures) == known
    named = client.generate(seed=3, model="fashion", label="Dress", picture_format=RAW)[0]
    assert named == pictures[3]
    other = client.generate(seed=3, model="fashion", label="Bag", picture_format=RAW)[0]
    assert other.data != named.data
    ranked = client.generate(seed=0, count=3, candidates=10, model="fashion", picture_format=RAW)
    assert tuple(picture.label for picture in ranked) == known[:3]


def test_the_best_candidate_is_returned_with_the_seed_that_makes_it_again(client: Client) -> None:
    best = client.generate(seed=40, count=2, candidates=4, picture_format=RAW)
    for index, picture in enumerate(best):
        assert picture.seed in range(40 + 4 * index, 44 + 4 * index)
        assert picture.score is not None
        assert client.generate(seed=picture.seed, picture_format=RAW)[0].data == picture.data
    one_by_one = [
        client.generate(seed=seed, candidates=2, picture_format=RAW)[0] for seed in (40, 42)
    ]
    scores = [picture.score or 0.0 for picture in one_by_one]
    assert best[0].score == pytest.approx(max(scores), abs=1e-4)


def test_truncation_draws_other_latents_and_less_variety(client: Client) -> None:
    def spread(**options: float) -> float:
        pictures = client.generate(seed=0, count=24, picture_format=RAW, **options)
        return float(np.stack([pixels(picture) for picture in pictures]).std(axis=0).mean())

    assert spread(truncation=0.3) < spread()
    # A bound that nothing exceeds changes nothing.
    (wide,) = client.generate(seed=7, truncation=50.0, picture_format=RAW)
    assert wide.data == client.generate(seed=7, picture_format=RAW)[0].data


def test_a_mix_of_styles_lies_between_them(client: Client) -> None:
    def painted(style: object) -> np.ndarray:
        return pixels(client.generate(seed=7, style=style, picture_format=RAW)[0])

    first, second = painted("great_wave"), painted("night_cafe")
    mixed = painted({"great_wave": 1.0, "night_cafe": 1.0})
    apart = np.abs(first - second).mean()
    assert np.abs(mixed - first).mean() < apart
    assert np.abs(mixed - second).mean() < apart
    assert np.array_equal(mixed, painted({"night_cafe": 5, "great_wave": 5}))
    assert np.array_equal(first, painted({"great_wave": 0.2}))


def test_the_mix_comes_back(client: Client) -> None:
    (picture,) = client.generate(style={"great_wave": 2.0, "spring": 0.5})
    assert (picture.style, picture.style_mix) == ("", {"great_wave": 2.0, "spring": 0.5})


def test_any_picture_is_a_style(client: Client) -> None:
    stripes = np.zeros((96, 128, 3), np.uint8)
    stripes[::8, :, 0] = 255
    file = io.BytesIO()
    Image.fromarray(stripes).save(file, "PNG")
    plain, painted = (
        client.generate(seed=7, style=style, picture_format=RAW)[0]
        for style in ("", file.getvalue())
    )
    assert np.abs(pixels(painted) - pixels(plain)).mean() > 10
    (again,) = client.generate(seed=7, style=file.getvalue(), picture_format=RAW)
    assert again.data == painted.data


def test_a_stream_brings_the_pictures_of_the_unary_call(client: Client) -> None:
    asked = {"seed": 3, "count": 20, "style": "spring", "picture_format": RAW}
    streamed = dict(client.generate_stream(**asked))
    assert [streamed[index] for index in range(20)] == client.generate(**asked)


def test_lists_say_what_can_be_asked_for(client: Client) -> None:
    first, *others = client.models()
    assert (first.name, first.is_default, first.width, first.height) == (
        "landscapes",
        True,
        256,
        256,
    )
    assert [model.name for model in others] == ["fashion", "nebulae"]
    assert first.sizes == (64, 128, 256, 512, 1024)
    assert others[0].sizes == (32, 64, 128, 256, 512, 1024)
    assert all(model.ranks and model.version == "1" for model in (first, *others))
    styles = client.styles()
    assert len(styles) == 14
    assert styles[0].name == "great_wave"
    assert styles[0].artist.startswith("Katsushika Hokusai")


@pytest.mark.parametrize(("model", "size"), [("landscapes", 64), ("fashion", 512)])
def test_pictures_come_in_several_sizes(client: Client, model: str, size: int) -> None:
    asked = {"seed": 7, "model": model, "picture_format": RAW}
    own, sized = client.generate(**asked)[0], client.generate(**asked, size=size)[0]
    assert (sized.width, sized.height) == (size, size)
    smaller = min(size, 256)
    reduced = [
        np.asarray(picture.image().resize((smaller, smaller), Image.Resampling.BOX), float)
        for picture in (own, sized)
    ]
    assert np.abs(reduced[0] - reduced[1]).mean() < 4
    # The same picture beside another, and not the same where it is painted.
    pair = client.generate(seed=7, count=2, model=model, size=size, picture_format=RAW)
    assert pair[0].data == sized.data
    (painted,) = client.generate(**asked, size=size, style="great_wave")
    assert painted.data != sized.data
    assert client.generate(**asked, size=256)[0].data == own.data


def test_a_walk_has_a_size(client: Client) -> None:
    ends = Waypoint(1), Waypoint(2)
    assert [frame.width for frame in client.interpolate(*ends, frames=2, size=128)] == [128, 128]


REFUSED = {
    "size": ({"size": 100}, "size: expected one of 64, 128, 256, 512, 1024, got 100"),
    "huge size": ({"size": 4096}, "size: expected a size that the model can make, or none"),
    "unknown model": ({"model": "cats"}, "model: expected one of landscapes, fashion, nebulae"),
    "label without classes": ({"label": "Dress"}, "label: expected none, got 'Dress'"),
    "unknown label": ({"model": "fashion", "label": "Hat"}, "label: expected one of T-shirt/top"),
    "quality": ({"quality": 101}, "quality: expected a whole number from 1 to 100, got 101"),
    "candidates": ({"candidates": 17}, "candidates: expected a whole number from 1 to 16, got 17"),
    "truncation": ({"truncation": -1.0}, "truncation: expected a finite number above 0.1, got -1"),
    "endless latent": (
        {"latents": [[1.0] * 100_000]},
        "latents.0: expected at most 1024 finite numbers",
    ),
    "endless latents": (
        {"latents": [[]] * 300_000},
        "latents: expected at most 256 entries, got 300000",
    ),
    "short latent": ({"latents": [[1.0] * 63]}, "latents.0: expected 64 numbers, got 63"),
    "latent of zeros": ({"latents": [[0.0] * 64]}, "latents.0: expected a length from"),
    "infinite latent": (
        {"latents": [[float("inf")] * 64]},
        "latents.0: expected at most 1024 finite numbers",
    ),
    "seed and latent": ({"seed": 1, "latents": [[1.0] * 64]}, "seed: expected none beside latents"),
    "negative weight": (
        {"style": {"spring": -1.0}},
        "style_mix.0.weight: expected a number above 0, at most 1000000, got -1",
    ),
    "weight not a number": ({"style": {"spring": float("nan")}}, "style_mix.0.weight: expected"),
    "unknown style in a mix": (
        {"style": {"spring": 1.0, "mona_lisa": 1.0}},
        "style_mix.style: expected one of great_wave",
    ),
    "style picture": (
        {"style": b"no picture"},
        "style_picture: expected a PNG, JPEG or WebP file, got 10 other bytes",
    ),
    "too much at once": (
        {"count": 64, "latents": [[1.0] * 64]},
        "count: expected none, or 1 as of latents, got 64",
    ),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_out_of_bounds_is_named(
    client: Client, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ImpastoError) as caught:
        client.generate(**options)
    assert caught.value.details.startswith(message)
    with pytest.raises(ImpastoError) as caught:
        list(client.generate_stream(**options))
    assert caught.value.details.startswith(message)
