"""How the areas look: accessible in light and dark, nothing beyond the edge, screenshots."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from impasto import Client
from PIL import Image
from running_server import RunningServer
from studio_page import wait_until

from server.http.studio import FOLDER

axe_module = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
)
TEXTS = json.loads((FOLDER / "languages" / "zh-CN.json").read_text("utf-8"))
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
AREAS = ("generate", "stylize", "walk", "gallery", "now")
# Where the screenshots go that docs/studio.md shows; without it, nobody keeps them.
SCREENSHOTS = "IMPASTO_STUDIO_SCREENSHOTS"
VIEW = "generate?model=landscapes&seed=17&mix=ryogoku_bridge:0.6,ejiri:0.4"
WALK = "walk?frames=4&start=19&end=17&start-mix=composition_viii:1&end-mix=ejiri:1"


@pytest.fixture(scope="module")
def kept_pictures(keeping_server: RunningServer) -> None:
    styles = ("ryogoku_bridge", "ejiri", "spring", "composition_viii", "night_cafe", "poppies")
    with Client(keeping_server.target) as client:
        for seed in (19, 17):
            for style in styles:
                client.generate(seed=seed, style=style, size=128, store=True)


def fill(page: Any, area: str) -> None:
    """Wait until the area shows what it can."""
    if area not in {"generate", "walk"}:
        page.click(f"#tab-{area}")
    if area == "generate":
        wait_until(page, "shown_.length")
        wait_until(
            page,
            "[...document.querySelectorAll('.node')].every((node) => node.style.backgroundImage)",
        )
    elif area == "stylize":
        page.click("#photo-generated")
        page.click(".tile >> nth=6")
        wait_until(page, "document.querySelectorAll('.tile.made').length === 14")
    elif area == "walk":
        page.evaluate(f"location.hash = '{WALK}'")
        page.wait_for_selector("#walk-play:enabled")
        page.fill("#walk-position", "2")
    elif area == "gallery":
        wait_until(
            page,
            "document.querySelectorAll('.kept').length && !document.querySelector('img.waiting')",
        )
    else:
        page.wait_for_selector("#now-requests tbody tr")
        wait_until(page, "document.querySelector('.meter .value').textContent !== ''")


def keep_screenshot(page: Any, otherwise: Path, name: str) -> None:
    folder = Path(os.environ.get(SCREENSHOTS, otherwise))
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(page.screenshot())) as screenshot:
        screenshot.convert("RGB").save(folder / f"{name}.webp", quality=80, method=6)


def findings(page: Any, area: str) -> list[str]:
    """What axe-core finds that keeps people out."""
    result = axe_module.Axe().run(page).response
    return [
        f"{area}: {found['id']}: {[node['html'] for node in found['nodes']]}"
        for found in result["violations"]
        if found["impact"] in {"serious", "critical"}
    ]


def beyond_the_edge(page: Any, area: str) -> list[str]:
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [f"{area}: {width} px beyond the edge"] if width > 0 else []


@pytest.mark.usefixtures("kept_pictures")
@pytest.mark.parametrize("size", SIZES)
def test_areas_keep_nobody_out(open_page: Callable[..., Any], tmp_path: Path, size: str) -> None:
    page = open_page(VIEW, viewport=SIZES[size])
    found: list[str] = []
    for area in AREAS:
        fill(page, area)
        page.mouse.move(0, 0)
        page.evaluate("scrollTo(0, 0); document.activeElement.blur()")
        keep_screenshot(page, tmp_path, f"{area}-{size}")
        found += findings(page, area) + beyond_the_edge(page, area)
        page.click("#theme")
        found += findings(page, f"dark {area}")
        page.click("#theme")
    assert found == []


@pytest.mark.usefixtures("kept_pictures")
def test_a_stored_picture_keeps_nobody_out(open_page: Callable[..., Any]) -> None:
    page = open_page("gallery", viewport=SIZES["phone"])
    page.click(".kept >> nth=0")
    page.wait_for_selector("#detail-provenance:has-text('SHA')")
    assert findings(page, "detail") + beyond_the_edge(page, "detail") == []


@pytest.mark.usefixtures("kept_pictures")
def test_chinese_readers_get_chinese(open_page: Callable[..., Any], tmp_path: Path) -> None:
    options = {"locale": "zh-CN", "color_scheme": "dark", "viewport": SIZES["phone"]}
    page = open_page(VIEW, **options)
    fill(page, "generate")
    assert page.get_attribute("html", "lang") == "zh-CN"
    assert page.inner_text("#caption") == TEXTS["generate.caption"].format(
        model=TEXTS["models.landscapes"], seed=17
    )
    keep_screenshot(page, tmp_path, "generate-chinese")
    found = beyond_the_edge(page, "generate")
    for area in AREAS[1:]:
        page.click(f"#tab-{area}")
        found += beyond_the_edge(page, area)
    assert found == []
    page.select_option("#language", "en")
    page.wait_for_selector("#tab-now:has-text('Now')")
    assert page.get_attribute("html", "lang") == "en"


def test_tabs_move_by_arrow_keys(open_page: Callable[..., Any]) -> None:
    page = open_page("gallery")
    page.focus("#tab-gallery")
    page.press("#tab-gallery", "ArrowRight")
    assert page.get_attribute("#tab-now", "aria-selected") == "true"
    page.press("#tab-now", "ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-generate"
    assert page.is_visible("#area-generate")
    assert page.locator("[role=tab][tabindex='0']").count() == 1
