"""The style paintings: whole pictures, and jigsaw boards that are put together again.

Works and scans: Hokusai, Van Gogh, Kandinsky; public domain. Kandinsky and Hokusai come as jigsaw
pieces with alpha plus a QML board that says where each piece's centre lies.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from training.data.rcc import ResourceFile
from training.errors import DataError

_RESOURCE = "gcompris/src/activities/{activity}/resource/"


@dataclass(frozen=True)
class Painting:
    """A painting that can be learned as a style.

    Attributes:
        name: the style's name on the wire.
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
)


def extract_paintings(rcc_folder: Path, target: Path) -> list[Path]:
    """Write every painting of `PAINTINGS` as `target/<name>.png` and return the paths.

    Raises:
        DataError: a resource file or a member is missing.
    """
    target.mkdir(parents=True, exist_ok=True)
    contents = {
        activity: dict(ResourceFile(rcc_folder / f"{activity}.rcc").files())
        for activity in {painting.activity for painting in PAINTINGS}
    }
    written = []
    for painting in PAINTINGS:
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
