"""Pictures say what they are, in words that other programs read."""

import io
import json
from typing import Any

import pytest
from impasto import Client, Picture, PictureFormat, Waypoint
from PIL import Image

ENCODED = [PictureFormat.PNG, PictureFormat.JPEG, PictureFormat.WEBP]
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def told(picture: Picture) -> tuple[str, dict[str, Any]]:
    """Digital source type and recipe, by Pillow's own reader of XMP."""
    with Image.open(io.BytesIO(picture.data)) as image:
        description = image.getxmp()["xmpmeta"]["RDF"]["Description"]
    assert description["CreatorTool"].startswith("Impasto ")
    return description["DigitalSourceType"].removeprefix(SOURCE), json.loads(description["Recipe"])


@pytest.mark.parametrize("picture_format", ENCODED)
def test_a_generated_picture_names_its_recipe(
    client: Client, picture_format: PictureFormat
) -> None:
    (picture,) = client.generate(
        seed=2**64 - 1,
        style={"spring": 2, "ejiri": 1},
        model="fashion",
        label="T-shirt/top",
        picture_format=picture_format,
    )
    source, recipe = told(picture)
    assert source == "trainedAlgorithmicMedia"
    assert recipe == {
        "model": "fashion",
        "model_version": "1",
        "style_mix": {"spring": 2.0, "ejiri": 1.0},
        "style_strength": 1.0,
        "seed": "18446744073709551615",
        "label": "T-shirt/top",
    }


def test_the_recipe_makes_the_picture_again(client: Client) -> None:
    (best,) = client.generate(seed=5, candidates=3, style="poppies", truncation=1.5)
    recipe = told(best)[1]
    recipe.pop("model_version")
    (again,) = client.generate(**recipe | {"seed": int(recipe["seed"])})
    assert again.data == best.data


def test_a_painted_photograph_is_a_composite(client: Client) -> None:
    photo = client.generate(seed=7)[0].data
    source, recipe = told(client.stylize(photo, style=photo, preserve_colour=True))
    assert source == "compositeWithTrainedAlgorithmicMedia"
    assert recipe["preserve_colour"] is True
    assert len(recipe["style_picture_sha256"]) == 64


def test_a_walk_names_its_ends(client: Client) -> None:
    ends = Waypoint(7, style="spring", style_strength=0.0), Waypoint(8)
    animation = client.animate(*ends, frames=2)
    first, last = client.interpolate(*ends, frames=2)
    for picture, more in ((animation, {}), (first, {"position": 0.0}), (last, {"position": 1.0})):
        source, recipe = told(picture)
        assert source == "trainedAlgorithmicMedia"
        assert recipe["start"] == {"style": "spring", "style_strength": 0.0, "seed": "7"}
        assert recipe["end"] == {"seed": "8"}
        assert {key: recipe[key] for key in recipe.keys() & {"position"}} == more
