"""Where the server wants API keys, the page asks for one, and keeps it in its tab."""

from pathlib import Path
from typing import Any

from api_keys import make_key
from running_server import running_server
from studio_page import wait_until


def test_a_key_opens_the_studio(open_page: Any, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    key = make_key(file, "somebody")
    admin = make_key(file, "admin", "--scope", "generate", "--scope", "admin")
    flags = ("--api-keys", str(file), "--store", str(tmp_path / "store"))
    with running_server(*flags) as running:
        view = "generate?seed=7&size=64"
        page = open_page(view, running.http, expected="status of 40")
        page.fill("#key-field", "wrong")
        page.click("#key-use")
        page.wait_for_selector("#key-problem:has-text('does not know this key')")
        page.fill("#key-field", key)
        page.press("#key-field", "Enter")
        wait_until(page, "shown_.length")
        stored = page.evaluate("[sessionStorage.length, JSON.stringify(localStorage)]")
        assert stored[0] == 1
        assert key not in stored[1]
        page.click("#keep")
        page.wait_for_selector("#toast:has-text('Kept')")
        page.click("#tab-gallery")
        # Files come with the key, too.
        page.wait_for_selector(".kept img:not(.waiting)")
        assert page.evaluate("document.querySelector('.kept img').src").startswith("blob:")
        page.click(".kept")
        page.click("#detail-delete")
        page.click("#detail-delete")
        page.wait_for_selector("#toast:has-text('scope admin')")
        page.click("#key")
        page.fill("#key-field", admin)
        page.click("#key-use")
        page.wait_for_selector(".kept img:not(.waiting)")
        page.click(".kept")
        page.click("#detail-delete")
        page.click("#detail-delete")
        page.wait_for_selector("#toast:has-text('Deleted')")
