"""What every exported file says of itself: data, licences, recipe, length, seed, measures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.checkpoint import Checkpoint

_OWN_DATA = "the user's own pictures"
_MEASURES = ("fid", "kid", "fd_", "kd_")


@dataclass(frozen=True)
class Source:
    """Where pictures came from.

    Attributes:
        data: what they are.
        licence: under which terms.
        credits: whom to name.
    """

    data: str
    licence: str
    credits: str


SOURCES: Mapping[str, Source] = {
    "landscapes": Source(
        "226 landscape photographs of the Debian package endless-sky-data 0.9.8-1.2",
        "public domain, CC BY-SA 3.0 and CC BY-SA 4.0, by picture",
        "the photographers named in the package's copyright file",
    ),
    "nebulae": Source(
        "555 deep-sky photographs of the Debian package stellarium-data 0.22.2-1",
        "public domain (NASA, ESA), CC BY 3.0 and free use with credit, by picture",
        "the observers named in the package's copyright file, section 4",
    ),
    "fashion": Source(
        "the 60,000 training pictures of Fashion-MNIST, Debian package dataset-fashion-mnist",
        "MIT",
        "Han Xiao, Kashif Rasul, Roland Vollgraf; Zalando SE",
    ),
    "styles": Source(
        "14 paintings of the Debian package gcompris-qt-data 3.1-2, for the style encoder 11 more "
        "and 22 textures of propaganda-debian 13.5.10; content: the landscapes and 82 photographs "
        "of gcompris-qt-data",
        "paintings: public domain; textures: GPL-2+; photographs: public domain, CC0, CC BY and CC "
        "BY-SA, by picture",
        "the painters named in styles.json; the authors named in the packages; judged by VGG16 (K. "
        "Simonyan, A. Zisserman, CC BY 4.0); features of EfficientNet-Lite0 (M. Tan, Q. Le, Apache "
        "2.0)",
    ),
}


def provenance(saved: Checkpoint, source: str, recipe: tuple[str, ...]) -> dict[str, str]:
    """Metadata of a model made from a checkpoint.

    Args:
        saved: the checkpoint.
        source: a key of `SOURCES`; anything else is the user's own data.
        recipe: names of the settings that make the recipe.
    """
    config: Mapping[str, Any] = saved.state["config"]
    known = SOURCES.get(source, Source(_OWN_DATA, "the user's", "the user"))
    return {
        "training.data": known.data,
        "training.licence": known.licence,
        "training.credits": known.credits,
        "training.recipe": json.dumps({name: config[name] for name in recipe if name in config}),
        "training.steps": str(saved.step),
        "training.pictures": str(saved.step * config["batch"]),
        "training.seed": str(config.get("seed", 0)),
    }


def measures(run: Path) -> dict[str, str]:
    """The last distances that a GAN run measured, from its log; empty where it measured none."""
    log = run / "log.jsonl"
    if not log.exists():
        return {}
    last: dict[str, Any] = {}
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        if any(name.startswith(_MEASURES) for name in entry):
            last = entry
    return {f"training.{name}": str(last[name]) for name in last if name.startswith(_MEASURES)}
