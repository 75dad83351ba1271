"""Each area, driven to its end as people do, against the real server."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from impasto import Client
from PIL import Image
from running_server import ROOT, RunningServer
from studio_page import wait_until

SMALL = "generate?model=landscapes&seed=7&size=64&mix=great_wave:1"


def downloaded(page: Any, button: str) -> Image.Image:
    with page.expect_download() as coming:
        page.click(button)
    picture = Image.open(io.BytesIO(Path(coming.value.path()).read_bytes()))
    picture.load()
    return picture


def wait_for_picture(page: Any, work: Any) -> None:
    before = page.evaluate("shown_.length")
    work()
    wait_until(page, "before => shown_.length > before", before)


def test_generate(open_page: Any, keeping_server: RunningServer) -> None:
    page = open_page(SMALL)
    wait_until(page, "shown_.length")
    assert page.inner_text("#caption") == "Landscapes, seed 7"
    wait_for_picture(page, lambda: page.click("#seed-more"))
    assert page.input_value("#seed") == "8"
    wait_for_picture(page, lambda: page.press("#seed", "ArrowDown"))
    # The point by keyboard: away from a style it is a mix.
    page.focus("#mix-point")
    for _ in range(5):
        wait_for_picture(page, lambda: page.press("#mix-point", "Shift+ArrowDown"))
    assert "%" in page.get_attribute("#mix-point", "aria-valuetext")
    page.click("#mix-details summary")
    wait_for_picture(page, lambda: page.locator("#mix-sliders input").nth(2).fill("0.9"))
    assert "Village Street in Auvers" in page.inner_text("#mix-text")
    wait_for_picture(page, lambda: page.fill("#strength", "0.5"))
    wait_for_picture(page, lambda: page.fill("#truncation", "0.8"))
    page.fill("#candidates", "4")
    page.wait_for_selector("#caption:has-text('best of 4')")
    assert re.fullmatch(
        r"Landscapes, seed \d+: the best of 4, score -?\d+\.\d\d", page.inner_text("#caption")
    )
    picture = downloaded(page, "#download")
    assert (picture.format, picture.size) == ("PNG", (64, 64))
    recipe = json.loads(picture.getxmp()["xmpmeta"]["RDF"]["Description"]["Recipe"])
    assert recipe["truncation"] == 0.8
    wait_until(page, "location.hash.includes('candidates=4')")
    with Client(keeping_server.target) as client:
        again = client.generate(
            seed=int(recipe["seed"]),
            style=recipe["style_mix"],
            style_strength=0.5,
            truncation=0.8,
            size=64,
        )[0]
    assert Image.open(io.BytesIO(again.data)).tobytes() == picture.tobytes()
    # The same view in another tab.
    other = open_page(page.url.split("#")[1])
    wait_until(other, "shown_.length")
    assert other.inner_text("#caption") == page.inner_text("#caption")


def test_contact_sheet_and_classes(open_page: Any) -> None:
    page = open_page(SMALL)
    wait_until(page, "shown_.length")
    page.fill("#candidates", "2")
    page.click("#sheet-open")
    wait_until(page, "document.querySelectorAll('.cell:enabled').length === 16")
    assert re.match(r"Take seed \d+, score", page.get_attribute(".cell >> nth=3", "aria-label"))
    wait_for_picture(page, lambda: page.click(".cell >> nth=3"))
    assert int(page.input_value("#seed")) in {13, 14}
    wait_for_picture(page, lambda: page.select_option("#model", "fashion"))
    page.select_option("#size", "64")
    page.select_option("#label", "Bag")
    page.wait_for_selector("#caption:has-text('Fashion (Bag)')")


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "photo.bmp"
    # Larger than the server takes, and in a format that it does not read.
    image = Image.linear_gradient("L").resize((1600, 900))
    Image.merge("RGB", (image, image.rotate(180), image)).save(path)
    return path


def test_stylize(open_page: Any, photo: Path) -> None:
    page = open_page("stylize", permissions=["camera"])
    page.wait_for_selector("html[data-ready]")
    page.set_input_files("#photo-file", photo)
    page.select_option("#side", "256")
    wait_until(page, "document.querySelectorAll('.tile.made').length === 14")
    page.click(".tile >> nth=4")
    wait_until(page, "document.querySelector('#painted-caption').textContent.includes('Ryōgoku')")
    picture = downloaded(page, "#painted-download")
    assert (picture.format, picture.size) == ("PNG", (256, 144))
    style = str(ROOT / "model_repository" / "nebulae.png")
    page.set_input_files("#style-file", style)
    wait_until(
        page, "document.querySelector('#painted-caption').textContent.includes('other picture')"
    )
    assert page.locator(".tile[aria-pressed=true]").count() == 0
    page.click("#camera-open")
    wait_until(page, "document.querySelector('#camera').videoWidth > 0")
    page.click("#camera-take")
    wait_until(page, "painted.width / painted.height === 4 / 3")
    page.set_input_files(
        "#photo-file", {"name": "no.png", "mimeType": "image/png", "buffer": b"no"}
    )
    page.wait_for_selector("#toast:has-text('not a picture')")


def test_stylize_takes_what_is_dropped_and_pasted(open_page: Any) -> None:
    page = open_page("stylize")
    page.wait_for_selector("html[data-ready]")
    hand_over = """async ([event, target, key, side]) => {
        const canvas = new OffscreenCanvas(side, 64);
        canvas.getContext("2d").fillRect(0, 0, 9, 9);
        const files = new DataTransfer();
        files.items.add(new File([await canvas.convertToBlob()], "a.png", { type: "image/png" }));
        const options = { bubbles: true, cancelable: true, [key]: files };
        const made = event === "drop" ? new DragEvent(event, options)
            : new ClipboardEvent(event, options);
        document.querySelector(target).dispatchEvent(made);
    }"""
    page.evaluate(hand_over, ["drop", "#photo-drop", "dataTransfer", 96])
    wait_until(page, "painted.width === 96")
    page.evaluate(hand_over, ["paste", "body", "clipboardData", 80])
    wait_until(page, "painted.width === 80")


def test_walk(open_page: Any) -> None:
    page = open_page(
        "walk?size=64&frames=6&start=7&end=8&start-mix=spring:1&end-mix=ejiri:1,poppies:1"
    )
    page.wait_for_selector("#walk-play:enabled")
    assert page.inner_text("#walk-caption") == "6 of 6 frames"
    page.fill("#walk-position", "2")
    assert page.inner_text("#walk-caption") == "Frame 3 of 6"
    page.click("#walk-play")
    wait_until(page, "document.querySelector('#walk-position').value !== '2'")
    page.click("#walk-play")
    assert page.inner_text("#walk-play") == "Play"
    animation = downloaded(page, "#walk-download")
    assert (animation.format, animation.n_frames, animation.size) == ("WEBP", 6, (64, 64))


def test_gallery(open_page: Any, keeping_server: RunningServer, tmp_path: Path) -> None:
    page = open_page(SMALL.replace("seed=7", "seed=4711"))
    wait_until(page, "shown_.length")
    page.click("#keep")
    page.wait_for_selector("#toast:has-text('Kept')")
    with Client(keeping_server.target) as client:
        client.generate(seed=4712, size=64, store=True)
        (wanted,) = client.pictures(seed=4711)
    page.click("#tab-gallery")
    page.fill("#search-seed", "4711")
    page.wait_for_selector("#gallery-status:has-text('1 pictures')")
    page.select_option("#search-style", "ejiri")
    page.wait_for_selector("#gallery-status:has-text('Nothing is kept')")
    page.select_option("#search-style", "great_wave")
    page.wait_for_selector(".kept img:not(.waiting)")
    page.click(".kept")
    page.wait_for_selector("#detail-provenance:has-text('trainedAlgorithmicMedia')")
    assert "SHA-256 checked" in page.inner_text("#detail-provenance")
    assert downloaded(page, "#detail-download").size == (64, 64)
    recipes = {}
    for index, kind in enumerate(("cli", "python", "grpcurl")):
        page.click(f"#recipe-kinds button >> nth={index}")
        recipes[kind] = page.inner_text("#recipe-text").replace(
            "localhost:8081", keeping_server.target
        )
    run_recipes(recipes, keeping_server.target, tmp_path)
    for made in ("picture.png", "from_python.png"):
        with Image.open(tmp_path / made) as picture:
            assert picture.size == (64, 64)
    assert '"seed":"4711"' in recipes["grpcurl"]
    page.click("#detail-open")
    wait_until(page, "shown_.length > 1")
    assert page.input_value("#seed") == "4711"
    assert page.input_value("#size") == "64"
    page.go_back()
    page.wait_for_selector(".kept img:not(.waiting)")
    page.click(".kept")
    page.click("#detail-delete")
    assert page.inner_text("#detail-delete") == "Delete for ever?"
    page.click("#detail-delete")
    page.wait_for_selector("#gallery-status:has-text('Nothing is kept')")
    with Client(keeping_server.target) as client:
        assert wanted.id not in [kept.id for kept in client.pictures()]


def run_recipes(recipes: dict[str, str], target: str, folder: Path) -> None:
    """The command line and the snippet, as people paste them; both make the same picture."""
    script = recipes["python"].replace("picture.png", "from_python.png")
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True, timeout=60)
    command = recipes["cli"].replace("impasto", str(Path(sys.executable).with_name("impasto")), 1)
    subprocess.run(f"{command} --target {target}", shell=True, cwd=folder, check=True, timeout=60)
    pictures = [(folder / name).read_bytes() for name in ("picture.png", "from_python.png")]
    assert pictures[0] == pictures[1]


def test_a_server_without_a_store_says_so(open_page: Any, server: RunningServer) -> None:
    page = open_page("gallery", http=server.http, expected="501")
    page.wait_for_selector("#gallery-status:has-text('--store FOLDER')")


def test_now(open_page: Any) -> None:
    page = open_page(SMALL)
    wait_until(page, "shown_.length")
    page.click("#tab-now")
    page.wait_for_selector("#now-server dd:has-text('onnxruntime')")
    page.wait_for_selector("#now-requests rect.stage-stylizer", state="attached")
    words = page.get_attribute("#now-requests tr:has(td)", "title")
    assert "Stylizer" in words
    wait_until(page, "document.querySelector('.meter .value').textContent !== ''")
