"""Dragging the mixer: the picture follows, and the server is not drowned."""

import math
from collections.abc import Callable
from typing import Any

from cut_line import cut_line
from running_server import RunningServer
from studio_page import wait_until

VIEW = "generate?model=landscapes&seed=7&mix=great_wave:1"


def drag(page: Any, steps: range, between: Callable[[int], None] = lambda _: None) -> None:
    """Move the pointer along a spiral around the plane's middle; it stays down."""
    box = page.locator("#plane").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for step in steps:
        angle, far = step / 6, box["width"] * (0.12 + 0.2 * (step % 20) / 20)
        page.mouse.move(x + far * math.cos(angle), y + far * math.sin(angle))
        if step == 0:
            page.mouse.down()
        between(step)


def wait_until_still(page: Any) -> None:
    """Wait for the picture of the point as it is."""
    wait_until(
        page,
        """() => {
            const wanted = new URLSearchParams(location.hash.split("?")[1]).get("mix");
            const mix = Object.entries(shown_.at(-1)?.mix ?? {}).map(([s, w]) => `${s}:${w}`);
            return wanted === mix.join(",");
        }""",
    )


def test_the_picture_follows_within_a_frame_and_two_requests(open_page: Any) -> None:
    page = open_page(VIEW)
    wait_until(page, "shown_.length")
    # Thumbnails come one after another, at first.
    page.wait_for_timeout(300)
    page.locator("#plane").scroll_into_view_if_needed()
    drag(page, range(60), lambda _: page.wait_for_timeout(16))
    shown = page.evaluate("shown_.length")
    page.mouse.up()
    page.wait_for_timeout(400)
    wait_until_still(page)
    assert page.evaluate("mostInFlight_") == 2
    # It followed while the pointer was down, not only at the end.
    assert shown >= 4
    frames, pictures = page.evaluate("[frames_, shown_]")
    missed = [
        sum(picture["from"] < frame < picture["until"] for frame in frames) for picture in pictures
    ]
    # The frame that is being made when the answer comes may be too early; the next one has it.
    assert max(missed) <= 1, missed


def test_stale_requests_are_cancelled(open_page: Any) -> None:
    page = open_page(f"{VIEW}&size=512")
    wait_until(page, "shown_.length")
    cancelled: list[str] = []
    page.on("requestfailed", lambda request: cancelled.append(request.url))
    for _ in range(4):
        page.click("#seed-more")
    page.wait_for_selector("#caption:has-text('seed 11')")
    assert cancelled
    assert page.evaluate("mostInFlight_") <= 2


def test_the_server_is_cut_off_in_the_middle_of_a_drag(
    open_page: Any, keeping_server: RunningServer
) -> None:
    with cut_line(keeping_server.http) as line:
        page = open_page(f"{VIEW}&size=64", f"http://127.0.0.1:{line.port}", expected="net::ERR_")
        wait_until(page, "shown_.length")
        page.locator("#plane").scroll_into_view_if_needed()
        drag(page, range(10), lambda _: page.wait_for_timeout(16))
        line.cut()
        drag(page, range(10, 30), lambda _: page.wait_for_timeout(16))
        page.wait_for_selector("#banner:has-text('No connection to the server')")
        before = page.evaluate("shown_.length")
        drag(page, range(30, 40))
        page.mouse.up()
        line.mend()
        page.wait_for_selector("#banner:has-text('answers again')")
        wait_until(page, "before => shown_.length > before", before)
        page.wait_for_timeout(400)
        wait_until_still(page)
        page.wait_for_selector("#banner", state="hidden")
        assert page.evaluate("mostInFlight_") <= 2
        assert page.evaluate("Object.keys(shown_.at(-1).mix).length") > 1


def test_a_full_server_is_asked_again(open_page: Any) -> None:
    page = open_page("now", expected="429")
    page.wait_for_selector("html[data-ready]")
    refused = []

    def refuse(route: Any) -> None:
        refused.append(route)
        if len(refused) > 1:
            route.continue_()
            return
        route.fulfill(status=429, headers={"Retry-After": "1"}, json={"error": "full"})

    page.route("**/v1/generate", refuse)
    page.click("#tab-generate")
    page.wait_for_selector("#banner:has-text('The server is full. Trying again in 1 s')")
    wait_until(page, "shown_.length")
    page.wait_for_selector("#banner", state="hidden")
