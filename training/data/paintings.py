"""The style paintings: whole pictures, and jigsaw boards that are put together again.

All works are in the public domain. Some come as jigsaw pieces with alpha plus a QML board that says
where each piece's centre lies.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from training.data.rcc import ResourceFile
from training.errors import DataError

_RESOURCE = "gcompris/src/activities/{activity}/resource/"


@dataclass(frozen=True)
class Painting:
    """A painting of the package.

    Attributes:
        name: of its file, and the style's name on the wire.
        title: the work's title.
        artist: who painted it, and when.
        activity: the resource file that holds it.
        member: the picture or QML board below that file's resource folder.
    """

    name: str
    title: str
    artist: str
    activity: str
    member: str


# The named styles.
PAINTINGS: tuple[Painting, ...] = (
    Painting(
        "great_wave",
        "The Great Wave off Kanagawa",
        "Katsushika Hokusai, 1831",
        "paintings",
        "board/board7_0.qml",
    ),
    Painting(
        "cafe_terrace",
        "Cafe Terrace at Night",
        "Vincent van Gogh, 1888",
        "details",
        "image/Gogh4_background.webp",
    ),
    Painting(
        "village_street",
        "Village Street in Auvers",
        "Vincent van Gogh, 1890",
        "paintings",
        "board/board22_0.qml",
    ),
    Painting(
        "composition_viii",
        "Composition VIII",
        "Wassily Kandinsky, 1923",
        "paintings",
        "board/board19_0.qml",
    ),
    Painting(
        "ryogoku_bridge",
        "Viewing Sunset over the Ryogoku Bridge",
        "Katsushika Hokusai, 1830",
        "paintings",
        "board/board10_0.qml",
    ),
    Painting("poppies", "Poppies", "Katsushika Hokusai, 1833", "paintings", "board/board11_0.qml"),
    Painting(
        "ejiri",
        "Ejiri in Suruga Province",
        "Katsushika Hokusai, 1830",
        "paintings",
        "board/board6_0.qml",
    ),
    Painting(
        "benzaiten_shrine",
        "The Benzaiten Shrine at Inokashira in Snow",
        "Utagawa Hiroshige, about 1835",
        "paintings",
        "board/board8_0.qml",
    ),
    Painting(
        "moulin_de_la_galette",
        "Bal du moulin de la Galette",
        "Pierre-Auguste Renoir, 1876",
        "paintings",
        "board/board1_0.qml",
    ),
    Painting("summertime", "Summertime", "Mary Cassatt, 1894", "paintings", "board/board21_0.qml"),
    Painting(
        "road_to_tarascon",
        "Painter on the Road to Tarascon",
        "Vincent van Gogh, 1888",
        "details",
        "image/VincentVanGogh0013_background.webp",
    ),
    Painting(
        "night_cafe",
        "The Night Cafe",
        "Vincent van Gogh, 1888",
        "details",
        "image/Van_Gogh_The_Night_Cafe_background.webp",
    ),
    Painting(
        "church_at_auvers",
        "The Church at Auvers",
        "Vincent van Gogh, 1890",
        "details",
        "image/Eglise_dAuvers-sur-Oise_background.webp",
    ),
    Painting("spring", "Spring", "Giuseppe Arcimboldo, 1573", "paintings", "board/board2_0.qml"),
)

# Not named styles: the style encoder learns from them.
POOL_PAINTINGS: tuple[Painting, ...] = (
    Painting(
        "oiran_and_kamuro",
        "Oiran and Kamuro",
        "Katsushika Hokusai",
        "paintings",
        "board/board4_0.qml",
    ),
    Painting(
        "woman_with_fan",
        "Woman Holding a Fan",
        "Katsushika Hokusai",
        "paintings",
        "board/board5_0.qml",
    ),
    Painting(
        "horse_mackerel",
        "Horse-mackerel and Prawn",
        "Utagawa Hiroshige, 1840",
        "paintings",
        "board/board9_0.qml",
    ),
    Painting(
        "mona_lisa", "Mona Lisa", "Leonardo da Vinci, 1503-19", "paintings", "board/board14_0.qml"
    ),
    Painting(
        "pesaro_altarpiece",
        "La Pala di Pesaro",
        "Giovanni Bellini, 1475-85",
        "paintings",
        "board/board15_0.qml",
    ),
    Painting("lion", "Lion", "Albrecht Duerer, 1494", "paintings", "board/board16_0.qml"),
    Painting(
        "girls_at_the_piano",
        "Girls at the Piano",
        "Pierre-Auguste Renoir, 1892",
        "paintings",
        "board/board18_0.qml",
    ),
    Painting(
        "aigues_mortes",
        "The Ramparts at Aigues-Mortes",
        "Frederic Bazille, 1867",
        "paintings",
        "board/board20_0.qml",
    ),
    Painting(
        "librarian", "The Librarian", "Giuseppe Arcimboldo, 1566", "paintings", "board/board3_0.qml"
    ),
    Painting(
        "vestibule",
        "Vestibule of the Asylum",
        "Vincent van Gogh, 1889",
        "details",
        "image/VincentVanGogh0012_background.webp",
    ),
    Painting(
        "harvest",
        "The Harvest",
        "Vincent van Gogh, 1888",
        "details",
        "image/VincentVanGogh0019_background.webp",
    ),
)

# Kept out of all training.
UNSEEN_PAINTINGS: tuple[Painting, ...] = (
    Painting(
        "langlois_bridge",
        "The Langlois Bridge at Arles",
        "Vincent van Gogh, 1888",
        "details",
        "image/VincentVanGoghBridge_background.webp",
    ),
    Painting(
        "kazusa_sea_route",
        "Kazusa Sea Route",
        "Katsushika Hokusai, 1830",
        "paintings",
        "board/board12_0.qml",
    ),
    Painting(
        "pere_tanguy",
        "Portrait of Pere Tanguy",
        "Vincent van Gogh, 1887",
        "details",
        "image/PortraitOfPereTanguy_background.webp",
    ),
    Painting(
        "harvesters", "The Harvesters", "Pieter Bruegel, 1565", "paintings", "board/board17_0.qml"
    ),
)


def extract_paintings(rcc_folder: Path, paintings: Sequence[Painting], target: Path) -> list[Path]:
    """Write every one of `paintings` as `target/<name>.png` and return the paths.

    Raises:
        DataError: a resource file or a member is missing.
    """
    target.mkdir(parents=True, exist_ok=True)
    contents = {
        activity: dict(ResourceFile(rcc_folder / f"{activity}.rcc").files())
        for activity in {painting.activity for painting in paintings}
    }
    written = []
    for painting in paintings:
        picture = _open(painting, contents[painting.activity])
        path = target / f"{painting.name}.png"
        picture.save(path)
        written.append(path)
    return written


def _open(painting: Painting, files: dict[str, bytes]) -> Image.Image:
    root = _RESOURCE.format(activity=painting.activity)
    member = root + painting.member
    if member not in files:
        raise DataError(f"{painting.name}: {painting.activity}.rcc has no member {member}")
    if painting.member.endswith(".qml"):
        return _assemble(files[member].decode(), root, files)
    return Image.open(io.BytesIO(files[member])).convert("RGB")


def _assemble(board: str, root: str, files: dict[str, bytes]) -> Image.Image:
    """Paste a board's pieces; x and y are the piece centre as fractions of the board."""
    items = [
        dict(re.findall(r'"(\w+)"\s*:\s*"?([^",\n]+)"?', item))
        for item in re.findall(r"\{(.*?)\}", board, re.DOTALL)
    ]
    size = next(item for item in items if item.get("type") == "SHAPE_BACKGROUND_IMAGE")
    width, height = float(size["width"]), float(size["height"])
    canvas = Image.new("RGBA", (int(width), int(height)))
    for item in items:
        if "x" not in item or not item.get("pixmapfile", "").endswith("webp"):
            continue
        piece = Image.open(io.BytesIO(files[root + item["pixmapfile"]])).convert("RGBA")
        left = round(float(item["x"]) * width - piece.width / 2)
        top = round(float(item["y"]) * height - piece.height / 2)
        canvas.alpha_composite(piece, (max(0, left), max(0, top)))
    return canvas.crop(canvas.getbbox()).convert("RGB")
