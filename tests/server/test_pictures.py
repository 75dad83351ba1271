"""Pictures that the server keeps, over every way to ask."""

import asyncio
import hashlib
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import grpc
import httpx
import pytest
from click.testing import CliRunner
from impasto import AsyncClient, Client, Credentials, ImpastoError, PictureFormat, Waypoint
from impasto.cli import main
from PIL import Image
from running_postgresql import programs, running_postgresql
from running_s3 import BUCKET, running_s3
from running_server import RunningServer, failed_start, running_server

from server.access.api_keys import KeyFile, new_key
from server.access.callers import Scope

UNKNOWN = "0" * 32


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server("--store", str(tmp_path_factory.mktemp("store"))) as running:
        yield running


@pytest.fixture
def keeper(keeping: RunningServer) -> Iterator[Client]:
    with Client(keeping.target) as client:
        yield client


def test_a_stored_picture_comes_back_with_what_made_it(keeper: Client) -> None:
    before = datetime.now(UTC)
    mix = {"spring": 2.0, "great_wave": 1.0}
    (made,) = keeper.generate(seed=2**64 - 1, style=mix, candidates=1, store=True)
    stored = keeper.picture(made.id)
    assert stored.data == made.data
    assert stored.sha256 == hashlib.sha256(made.data).hexdigest()
    assert (stored.byte_size, stored.width, stored.height) == (len(made.data), 256, 256)
    assert (stored.seed, stored.model, stored.format) == (
        2**64 - 1,
        "landscapes",
        PictureFormat.PNG,
    )
    assert stored.styles == mix
    assert stored.recipe["seed"] == str(2**64 - 1)
    assert before <= stored.created_at <= datetime.now(UTC)


def test_nothing_is_kept_unasked(keeper: Client) -> None:
    (made,) = keeper.generate(seed=123456789)
    assert made.id == ""
    assert list(keeper.pictures(seed=123456789)) == []


def test_every_way_to_make_pictures_keeps_them(keeper: Client) -> None:
    streamed = [picture for _, picture in keeper.generate_stream(seed=50, count=3, store=True)]
    ends = Waypoint(60, style="spring"), Waypoint(61, style="night_cafe")
    walked = list(keeper.interpolate(*ends, frames=3, store=True))
    animation = keeper.animate(*ends, frames=2, store=True)
    painted = keeper.stylize(streamed[0].data, style="ejiri", store=True)
    for made in [*streamed, *walked, animation, painted]:
        assert keeper.picture(made.id).data == made.data
    with Image.open(BytesIO(keeper.picture(animation.id).data)) as image:
        assert image.n_frames == 2
    assert {stored.id for stored in keeper.pictures(style="spring")} >= {animation.id}
    assert [stored.id for stored in keeper.pictures(style="ejiri")] == [painted.id]


def test_lists_page_by_page_and_searches(keeper: Client, keeping: RunningServer) -> None:
    start = datetime.now(UTC)
    made = keeper.generate(seed=1000, count=60, size=64, store=True)
    found = list(keeper.pictures(created_from=start))
    assert [stored.id for stored in found] == [picture.id for picture in reversed(made)]
    assert not any(stored.data for stored in found)
    assert [stored.id for stored in keeper.pictures(seed=1007)] == [made[7].id]
    assert list(keeper.pictures(seed=1007, created_before=start)) == []
    assert list(keeper.pictures(model="fashion", created_from=start)) == []
    assert keeping.metrics()[("impasto_store_waiting_pictures",)] == 0


def test_labels_and_models_are_searched(keeper: Client) -> None:
    (made,) = keeper.generate(model="fashion", label="Bag", seed=5, store=True)
    assert [stored.id for stored in keeper.pictures(model="fashion")] == [made.id]
    assert [stored.id for stored in keeper.pictures(label="Bag")] == [made.id]


def test_deleted_is_gone(keeper: Client) -> None:
    (made,) = keeper.generate(seed=77, store=True)
    keeper.delete_picture(made.id)
    for ask in (keeper.picture, keeper.delete_picture):
        with pytest.raises(ImpastoError, match=f"no stored picture '{made.id}'") as caught:
            ask(made.id)
        assert caught.value.code is grpc.StatusCode.NOT_FOUND
    assert list(keeper.pictures(seed=77)) == []


@pytest.mark.parametrize("name", ["", "x", "../../etc/passwd", UNKNOWN[:-1], UNKNOWN.upper() + "G"])
def test_an_id_is_an_id(keeper: Client, name: str) -> None:
    with pytest.raises(ImpastoError, match="id: expected") as caught:
        keeper.picture(name)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_asyncio(keeping: RunningServer) -> None:
    async with AsyncClient(keeping.target) as client:
        (made,) = await client.generate(seed=31, store=True)
        assert (await client.picture(made.id)).data == made.data
        assert [stored.id async for stored in client.pictures(seed=31)] == [made.id]
        await client.delete_picture(made.id)
        assert [stored.id async for stored in client.pictures(seed=31)] == []


def test_http(keeping: RunningServer) -> None:
    body = {"seed": "41", "format": "webp", "style": "poppies", "store": True}
    answer = httpx.post(f"{keeping.http}/v1/generate", json=body).raise_for_status()
    (made,) = answer.json()["pictures"]
    place = f"{keeping.http}/v1/pictures/{made['id']}"
    document = httpx.get(place).raise_for_status().json()
    assert (document["seed"], document["styles"]) == ("41", {"poppies": 1.0})
    file = httpx.get(f"{place}/file").raise_for_status()
    assert file.headers["content-type"] == "image/webp"
    assert hashlib.sha256(file.content).hexdigest() == document["sha256"]
    tag = file.headers["etag"]
    assert httpx.get(f"{place}/file", headers={"If-None-Match": tag}).status_code == 304
    listed = httpx.get(f"{keeping.http}/v1/pictures?seed=41&page_size=1").raise_for_status().json()
    assert listed == {"pictures": [document], "next_page_token": ""}
    assert httpx.delete(place).status_code == 204
    assert httpx.delete(place).status_code == 404
    assert httpx.get(f"{place}/file").status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page_size=0", "page_size"),
        ("page_token=newest", "page_token"),
        ("created_from=yesterday", "created_from"),
        ("created_from=2026-01-31T12:00:00", "created_from"),
        ("seed=-1", "seed"),
        ("colour=blue", "colour"),
    ],
)
def test_what_cannot_be_listed_is_named(keeping: RunningServer, query: str, field: str) -> None:
    answer = httpx.get(f"{keeping.http}/v1/pictures?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{field}: expected")


def test_the_command(keeping: RunningServer, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(main, [*words, "--target", keeping.target])
        assert done.exit_code == 0, done.output
        return done.output

    path = tmp_path / "out.jpg"
    made = run("generate", "--seed", "91", "--style", "poppies", "--store", "-o", str(path))
    picture_id = made.strip().rpartition(" ")[2]
    listed = run("pictures", "list", "--seed", "91", "--style", "poppies")
    assert listed.startswith(f"{picture_id}\t")
    assert "seed 91, poppies, 256x256 jpeg" in listed
    again = tmp_path / "again.jpg"
    run("pictures", "get", picture_id, "-o", str(again))
    assert again.read_bytes() == path.read_bytes()
    assert run("pictures", "delete", picture_id) == f"{picture_id}: deleted\n"
    assert run("pictures", "list", "--seed", "91") == ""


def test_without_a_store(server: RunningServer, client: Client) -> None:
    with pytest.raises(ImpastoError, match="store: expected false") as caught:
        client.generate(store=True)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(ImpastoError, match="keeps no pictures; start it with --store") as caught:
        client.picture(UNKNOWN)
    assert caught.value.code is grpc.StatusCode.UNIMPLEMENTED
    assert httpx.get(f"{server.http}/v1/pictures").status_code == 501


def test_cached_pictures_are_stored_each_time(tmp_path: Path) -> None:
    flags = ("--store", str(tmp_path), "--picture-cache-byte-size", "1000000")
    with running_server(*flags) as running, Client(running.target) as client:
        first, second = (client.generate(seed=1, store=True)[0] for _ in range(2))
        assert first.data == second.data
        assert first.id != second.id
        assert running.metrics()["impasto_picture_cache_lookups_total", "hit"] == 1
        client.delete_picture(first.id)
        assert [stored.id for stored in client.pictures()] == [second.id]


def test_deleting_takes_an_admin(tmp_path: Path) -> None:
    entries = dict(
        new_key(name, scopes)
        for name, scopes in {"user": [Scope.GENERATE], "admin": list(Scope)}.items()
    )
    user, admin = entries
    keys = tmp_path / "keys.json"
    keys.write_text(KeyFile(keys=list(entries.values())).model_dump_json())
    flags = ("--store", str(tmp_path / "store"), "--api-keys", str(keys))
    with running_server(*flags) as running:
        with Client(running.target, credentials=Credentials(user)) as client:
            (made,) = client.generate(seed=1, store=True)
            with pytest.raises(ImpastoError, match="scope 'admin'") as caught:
                client.delete_picture(made.id)
            assert caught.value.code is grpc.StatusCode.PERMISSION_DENIED
            assert client.picture(made.id).data == made.data
        place = f"{running.http}/v1/pictures/{made.id}"
        answers = [
            httpx.delete(place, headers={"Authorization": f"Bearer {key}"}).status_code
            for key in (user, admin)
        ]
        assert answers == [403, 204]


async def test_a_restart_keeps_everything_in_s3_and_postgresql(tmp_path: Path) -> None:
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    with running_s3() as s3, running_postgresql(found) as postgresql:
        flags = ("--store", str(tmp_path), "--store-url", f"s3://{BUCKET}/pictures")
        environment = {**s3.environment, "IMPASTO_STORE_DATABASE": postgresql.new_database()}
        with running_server(*flags, environment=environment) as running:
            async with AsyncClient(running.target) as client:
                calls = (client.generate(seed=seed, store=True) for seed in range(8))
                made = [pictures[0] for pictures in await asyncio.gather(*calls)]
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(30) == 0
        with running_server(*flags, environment=environment) as running:
            async with AsyncClient(running.target) as client:
                stored = [await client.picture(picture.id) for picture in made]
                assert [picture.data for picture in stored] == [picture.data for picture in made]
                newest_first = sorted(stored, key=lambda each: (each.created_at, each.id))[::-1]
                assert [picture.id async for picture in client.pictures()] == [
                    picture.id for picture in newest_first
                ]
        assert len(s3.names()) == 8


def test_retention_at_the_start(tmp_path: Path) -> None:
    with running_server("--store", str(tmp_path)) as running, Client(running.target) as client:
        made = client.generate(seed=1, count=4, store=True)
        newest = next(client.pictures())
    most = newest.byte_size + 10
    flags = ("--store", str(tmp_path), "--store-max-byte-size", str(most))
    with running_server(*flags) as running, Client(running.target) as client:
        patience = datetime.now(UTC) + timedelta(seconds=20)
        while [stored.id for stored in client.pictures()] != [newest.id]:
            assert datetime.now(UTC) < patience
        assert len(list(tmp_path.glob("pictures/*/*.png"))) == 1
    assert len(made) == 4


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--store-max-age", "5"], "store_max_age: needs --store FOLDER"),
        (["--store", "{folder}", "--store-database", "mysql://x"], "expected postgresql://"),
        (["--store", "{folder}", "--store-url", "ftp://x"], "expected s3://bucket/prefix"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, flags: list[str], message: str) -> None:
    assert message in failed_start(*(flag.format(folder=tmp_path) for flag in flags))


def test_the_recipe_makes_the_same_bytes_again(keeper: Client) -> None:
    (made,) = keeper.generate(seed=3, style="spring", truncation=0.7, candidates=2, store=True)
    recipe = keeper.picture(made.id).recipe
    assert json.loads(json.dumps(recipe)) == recipe
    (again,) = keeper.generate(
        seed=int(recipe["seed"]),
        style=recipe["style"],
        truncation=recipe["truncation"],
    )
    assert again.data == made.data
