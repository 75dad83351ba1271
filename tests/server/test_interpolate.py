"""Walks between two pictures."""

import io
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from impasto import Client, ImpastoError, PictureFormat, Waypoint
from PIL import Image

RAW = PictureFormat.RAW_RGB8


def pixels(data: Image.Image) -> np.ndarray:
    return np.asarray(data.convert("RGB"), np.float32)


def test_a_walk_begins_and_ends_at_its_waypoints(client: Client) -> None:
    frames = list(
        client.interpolate(
            Waypoint(7, style="great_wave"), Waypoint(8), frames=20, picture_format=RAW
        )
    )
    assert len(frames) == 20
    (first,) = client.generate(seed=7, style="great_wave", picture_format=RAW)
    (last,) = client.generate(seed=8, picture_format=RAW)
    for frame, end in ((frames[0], first), (frames[-1], last)):
        assert np.abs(pixels(frame.image()) - pixels(end.image())).max() <= 1
    steps = [
        np.abs(pixels(left.image()) - pixels(right.image())).mean()
        for left, right in pairwise(frames)
    ]
    whole = np.abs(pixels(frames[0].image()) - pixels(frames[-1].image())).mean()
    assert 0 < max(steps) < whole / 2, "it walks, it does not jump"


def test_a_walk_between_styles_leaves_the_picture_alone(client: Client) -> None:
    start, end = Waypoint(7, style="spring"), Waypoint(7, style={"poppies": 1, "ejiri": 1})
    frames = list(client.interpolate(start, end, frames=3, picture_format=RAW))
    assert len({frame.data for frame in frames}) == 3
    plain = [replace(point, style_strength=0.0) for point in (start, end)]
    (picture,) = client.generate(seed=7, picture_format=RAW)
    for frame in client.interpolate(*plain, frames=3, picture_format=RAW):
        assert np.abs(pixels(frame.image()) - pixels(picture.image())).max() <= 1


def test_an_animation_is_one_webp(client: Client) -> None:
    picture = client.animate(Waypoint(1), Waypoint(2), frames=5, frame_milliseconds=120)
    assert picture.format is PictureFormat.WEBP
    with Image.open(io.BytesIO(picture.data)) as animation:
        assert (animation.n_frames, animation.size) == (5, (256, 256))
        animation.seek(1)
        animation.load()
        assert animation.info["duration"] == 120


def test_latents_and_classes(client: Client) -> None:
    start = Waypoint(latent=np.random.default_rng(1).standard_normal(64).tolist())
    frames = list(client.interpolate(start, Waypoint(3), model="fashion", label="Bag", frames=2))
    assert [frame.label for frame in frames] == ["Bag", "Bag"]
    opposite = Waypoint(latent=[-value for value in start.latent])
    assert len(list(client.interpolate(start, opposite, frames=3))) == 3


REFUSED = [
    (Waypoint(), Waypoint(1), {}, "start.seed: expected one of seed and latent, got neither"),
    (Waypoint(1), Waypoint(1, latent=[1.0] * 64), {}, "end.seed: expected one of"),
    (Waypoint(1), Waypoint(latent=[1.0]), {}, "end.latent.0: expected 64 numbers, got 1"),
    (Waypoint(1), Waypoint(2), {"frames": 1}, "frames: expected a whole number from 2 on, got 1"),
    (Waypoint(1), Waypoint(2), {"frames": 65}, "frames: expected 1 to 64, got 65"),
    (Waypoint(1, style="x"), Waypoint(2), {}, "style: expected one of great_wave"),
]


@pytest.mark.parametrize(("start", "end", "options", "message"), REFUSED)
def test_what_is_out_of_bounds_is_named(
    client: Client, start: Waypoint, end: Waypoint, options: dict[str, int], message: str
) -> None:
    with pytest.raises(ImpastoError) as caught:
        list(client.interpolate(start, end, **options))
    assert caught.value.details.startswith(message)
