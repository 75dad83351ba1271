"""What a picture says of itself: that a machine made it, and the recipe that makes it again.

An XMP packet (ISO 16684-1) with IPTC's digital source type, which search engines and editors read,
and the recipe as JSON. No date and no name: the same request makes the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from xml.sax.saxutils import quoteattr

from server.generation.answers import Origin
from server.generation.requests import Painting, StyleChoice

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED = f"{_SOURCE_TYPES}trainedAlgorithmicMedia"
# A photograph that a trained network has changed.
PAINTED_OVER = f"{_SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
RECIPE_NAMESPACE = "urn:impasto:recipe"
_TOOL = f"Impasto {version('impasto')}"
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:impasto="{namespace}"
 xmp:CreatorTool={tool}
 Iptc4xmpExt:DigitalSourceType={source}
 impasto:Recipe={recipe}/>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def xmp_packet(source: str, recipe: Mapping[str, Any]) -> bytes:
    """The packet, UTF-8.

    Args:
        source: `GENERATED` or `PAINTED_OVER`.
        recipe: what makes the picture again; entries that are None or empty are left out.
    """
    packet = _PACKET.format(
        namespace=RECIPE_NAMESPACE,
        tool=quoteattr(_TOOL),
        source=quoteattr(source),
        recipe=quoteattr(recipe_json(recipe)),
    )
    return packet.encode()


def recipe_json(recipe: Mapping[str, Any]) -> str:
    """A recipe as pictures carry it."""
    return json.dumps(told(recipe), ensure_ascii=False, separators=(",", ":"))


def recipe_styles(recipe: Mapping[str, Any]) -> dict[str, float]:
    """Weights of the named styles in a recipe, those at both ends of a walk among them."""
    styles: dict[str, float] = {}
    for part in (recipe, recipe.get("start", {}), recipe.get("end", {})):
        styles |= part.get("style_mix") or {}
        if style := part.get("style"):
            styles[style] = 1.0
    return styles


def told(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe without what says nothing; a zero says something."""
    return {name: value for name, value in recipe.items() if value not in (None, "", {}, [], ())}


def origin_recipe(origin: Origin) -> dict[str, Any]:
    """The part of a recipe that tells the model."""
    return {"model": origin.model, "model_version": origin.version}


def style_recipe(choice: StyleChoice) -> dict[str, Any]:
    """The part of a recipe that tells the style."""
    if not choice.weights and not choice.style_picture:
        return {}
    return {
        "style": choice.style,
        "style_mix": {part.style: part.weight for part in choice.style_mix},
        "style_picture_sha256": choice.style_picture_sha256,
        "style_strength": choice.style_strength,
    }


def painting_recipe(painting: Painting) -> dict[str, Any]:
    """The same with whose colours."""
    return style_recipe(painting) | {"preserve_colour": painting.preserve_colour or None}


def seed_text(seed: int | None) -> str | None:
    """A seed as recipes write it: 64 bits are more than a JSON number carries everywhere."""
    return None if seed is None else str(seed)
