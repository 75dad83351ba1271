"""The page's files: types, policy, caching, and nothing beside them."""

import json
import re
from pathlib import Path

import httpx
import pytest
from running_server import RunningServer

from server.errors import StartupError
from server.http.studio import FOLDER, studio_routes


def test_every_file_comes_under_the_strict_policy(server: RunningServer) -> None:
    names = [path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()]
    assert "modules/main.js" in names
    with httpx.Client(base_url=server.http) as client:
        for place in ["/", *(f"/studio/{name}" for name in names)]:
            answer = client.get(place).raise_for_status()
            assert answer.content
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["permissions-policy"].startswith("camera=(self)")
            known = client.get(place, headers={"If-None-Match": answer.headers["etag"]})
            assert (known.status_code, known.content) == (304, b"")
        script = client.get("/studio/modules/main.js")
        assert script.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("path", ["../styles.css", "%2e%2e/loadtest/results.py", "nothing.js", ""])
def test_nothing_else_is_served(server: RunningServer, path: str) -> None:
    assert httpx.get(f"{server.http}/studio/{path}").status_code == 404


def test_no_file_asks_another_host() -> None:
    for path in FOLDER.rglob("*"):
        if path.suffix in {".html", ".js", ".css", ".json"}:
            found = re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z0-9.]+", path.read_text("utf-8"))
            # The name of a vocabulary, which nobody fetches.
            assert set(found) <= {"http://www.w3.org"}, path


def test_a_folder_without_a_page_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="expected the studio's page"):
        studio_routes(tmp_path)


def test_the_server_describes_itself(server: RunningServer) -> None:
    about = httpx.get(f"{server.http}/v1/server").raise_for_status().json()
    assert about["engine"] == "onnxruntime"
    assert about["stores"] is False
    assert about["cores"] >= 1
    assert json.dumps(about)
