"""The REST face: the same pictures, bounds and errors as over gRPC."""

import asyncio
import base64
import json

import httpx
import pytest
from impasto import Client, PictureFormat, Waypoint
from running_server import RunningServer, running_server

RAW = PictureFormat.RAW_RGB8


def posted(server: RunningServer, path: str, **body: object) -> httpx.Response:
    return httpx.post(f"{server.http}/v1/{path}", json=body, timeout=60)


def picture(document: dict[str, object]) -> bytes:
    return base64.b64decode(str(document["data"]))


def lines(response: httpx.Response) -> list[dict[str, object]]:
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.raise_for_status().text.splitlines()]


def test_generates_what_grpc_generates(server: RunningServer, client: Client) -> None:
    mix = [{"style": "spring", "weight": 2}, {"style": "ejiri", "weight": 1}]
    response = posted(server, "generate", seed=7, count=2, style_mix=mix, candidates=2)
    document = response.raise_for_status().json()
    wanted = client.generate(seed=7, count=2, style={"spring": 2, "ejiri": 1}, candidates=2)
    assert [picture(made) for made in document["pictures"]] == [made.data for made in wanted]
    assert document["pictures"][0]["seed"] == str(wanted[0].seed)
    assert document["pictures"][0]["score"] == pytest.approx(wanted[0].score, abs=1e-4)
    assert (document["model"], document["model_version"]) == ("landscapes", "1")
    stages = [part.split(";")[0] for part in response.headers["server-timing"].split(", ")]
    assert "landscapes_generator" in stages
    assert stages[-1] == "encode"


@pytest.mark.parametrize("seed", [2**64 - 1, str(2**64 - 1)])
def test_seeds_may_be_digits(server: RunningServer, seed: object) -> None:
    document = posted(server, "generate", seed=seed).raise_for_status().json()
    assert document["pictures"][0]["seed"] == str(2**64 - 1)


def test_a_url_is_a_picture(server: RunningServer, client: Client) -> None:
    url = f"{server.http}/v1/picture"
    query = {"seed": "7", "style": "spring", "format": "webp", "quality": "80", "label": ""}
    response = httpx.get(url, params=query, timeout=60).raise_for_status()
    assert response.headers["content-type"] == "image/webp"
    assert (response.headers["impasto-seed"], response.headers["impasto-model"]) == (
        "7",
        "landscapes",
    )
    wanted = client.generate(seed=7, style="spring", picture_format=PictureFormat.WEBP, quality=80)
    assert response.content == wanted[0].data


def test_who_has_the_picture_is_not_sent_it_again(server: RunningServer) -> None:
    url, query = f"{server.http}/v1/picture", {"seed": "7", "style": "spring"}
    tag = httpx.get(url, params=query, timeout=60).headers["etag"]
    again = httpx.get(url, params=query, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    other = httpx.get(url, params=query | {"style": "ejiri"}, headers={"If-None-Match": tag})
    assert other.status_code == 200


def test_paints_a_picture_in_base64(server: RunningServer, client: Client) -> None:
    photo = client.generate(seed=7)[0].data
    response = posted(server, "stylize", picture=base64.b64encode(photo).decode(), style="spring")
    (painted,) = response.raise_for_status().json()["pictures"]
    assert picture(painted) == client.stylize(photo, style="spring").data
    assert painted["seed"] is None


def test_streams_are_lines(server: RunningServer, client: Client) -> None:
    made = lines(posted(server, "generate/stream", seed=3, count=10, format="raw_rgb8"))
    streamed = {line["index"]: picture(line["picture"]) for line in made}
    wanted = client.generate(seed=3, count=10, picture_format=RAW)
    assert [streamed[index] for index in range(10)] == [each.data for each in wanted]
    walk = {"start": {"seed": 1}, "end": {"seed": 2, "style": "spring"}, "frames": 3}
    frames = lines(posted(server, "interpolate", **walk))
    ends = Waypoint(1), Waypoint(2, style="spring")
    wanted = list(client.interpolate(*ends, frames=3))
    assert [picture(frame["picture"]) for frame in frames] == [each.data for each in wanted]
    (animation,) = lines(posted(server, "interpolate", **walk, animation=True))
    assert animation["picture"]["format"] == "webp"


def test_lists(server: RunningServer) -> None:
    models = httpx.get(f"{server.http}/v1/models").raise_for_status().json()["models"]
    assert [model["name"] for model in models] == ["landscapes", "fashion", "nebulae"]
    styles = httpx.get(f"{server.http}/v1/styles").raise_for_status().json()
    assert len(styles["styles"]) == 14
    assert styles["reads_pictures"] is True


REFUSED = [
    ("generate", b"{", "request: expected a JSON document"),
    ("generate", b"[]", "request: expected"),
    ("generate", b'{"count": "x"}', "count: expected a whole number from 1 on, got 'x'"),
    ("generate", b'{"colour": 1}', "colour: expected no field of this name, got 1"),
    ("generate", b'{"format": "bmp"}', "format: expected one of png, raw_rgb8, jpeg, webp"),
    ("generate/stream", b'{"style": "mona_lisa"}', "style: expected one of great_wave"),
    ("generate", b'{"latents": [' + b"1," * 1_000_000 + b"1]}", "latents.0: expected at most 1024"),
    ("generate", b'{"a": 1, ' * 5000, "request: expected at most 2000 quotes, got more"),
    ("stylize", b"{}", "picture: expected a value, got none"),
    ("stylize", b'{"picture": "%%%", "style": "spring"}', "picture: expected"),
    ("interpolate", b'{"start": {}, "end": {"seed": 1}}', "start.seed: expected one of seed and"),
]


@pytest.mark.parametrize(("path", "body", "message"), REFUSED)
def test_what_is_wrong_is_named(
    server: RunningServer, path: str, body: bytes, message: str
) -> None:
    response = httpx.post(f"{server.http}/v1/{path}", content=body)
    assert response.status_code == 400
    assert response.json()["error"].startswith(message)


def test_an_oversized_body_is_refused(server: RunningServer) -> None:
    response = httpx.post(f"{server.http}/v1/stylize", content=b"x" * 17_000_000, timeout=60)
    assert response.status_code == 413


def test_the_page_asks_no_other_host(server: RunningServer) -> None:
    page = httpx.get(f"{server.http}/docs").raise_for_status().text
    assert "http" not in page.replace("<!doctype html>", "")
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert f"/docs/files/{name}" in page
        assert httpx.get(f"{server.http}/docs/files/{name}").raise_for_status().content
    for path in ("../__init__.py", "%2e%2e/__init__.py", "..%2f..%2f__init__.py"):
        assert httpx.get(f"{server.http}/docs/files/{path}").status_code == 404


async def test_who_leaves_before_the_first_line_gives_the_places_back() -> None:
    walk = {"start": {"seed": 1}, "end": {"seed": 2}, "frames": 64, "animation": True}
    with running_server("--max-in-flight", "64") as running:
        async with httpx.AsyncClient(base_url=running.http) as client:
            asking = asyncio.create_task(client.post("/v1/interpolate", json=walk, timeout=60))
            await running.wait_for_in_flight(64)
            asking.cancel()
            await running.wait_for_in_flight(0)
            answer = await client.get("/v1/picture", timeout=60)
            assert answer.status_code == 200
