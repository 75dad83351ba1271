"""Signed manifests in the pictures, read by C2PA's own reader with the test's authority."""

import base64
import io
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, tzinfo
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import c2pa
import grpc
import httpx
import numpy as np
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from impasto import Client, ImpastoError, Picture, PictureFormat, Waypoint
from impasto.cli import main
from PIL import Image
from running_server import RunningServer, failed_start, running_server
from signing_authority import SigningAuthority

from server.errors import InvalidArgument
from server.generation import content_credentials
from server.generation.content_credentials import Signer

SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
READER = Path(__file__).parents[1] / "readers/content_credentials.js"
needs_other_reader = pytest.mark.skipif(
    not (READER.parent / "node_modules").exists(),
    reason="`make test` installs the other reader where there is npm",
)
ENCODED = [PictureFormat.PNG, PictureFormat.JPEG, PictureFormat.WEBP]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> SigningAuthority:
    return SigningAuthority(tmp_path_factory.mktemp("authority"))


def flags(files: tuple[Path, Path]) -> list[str]:
    return ["--c2pa-certificate", str(files[0]), "--c2pa-key", str(files[1])]


@pytest.fixture(scope="module")
def signing(authority: SigningAuthority) -> Iterator[RunningServer]:
    cache = ("--picture-cache-byte-size", "10000000")
    with running_server(*flags(authority.issue("signer")), *cache) as running:
        yield running


@pytest.fixture
def artist(signing: RunningServer) -> Iterator[Client]:
    with Client(signing.target) as client:
        yield client


Read = Callable[[bytes, PictureFormat], tuple[str, dict[str, Any], dict[str, Any]]]


@pytest.fixture(scope="module")
def read(authority: SigningAuthority) -> Read:
    """A reader that trusts the authority: state, active manifest and results."""
    settings = {
        "trust": {"user_anchors": authority.pem.decode()},
        "verify": {"verify_trust": True, "remote_manifest_fetch": False},
    }
    context = c2pa.Context.from_dict(settings)

    def reading(
        data: bytes, picture_format: PictureFormat
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        media = f"image/{picture_format.value}"
        with c2pa.Reader(media, io.BytesIO(data), context=context) as reader:
            state, manifest = reader.get_validation_state(), reader.get_active_manifest()
            results = reader.get_validation_results()
        assert state is not None
        assert manifest is not None
        assert results is not None
        return state, manifest, results["activeManifest"]

    return reading


def assertions(manifest: dict[str, Any]) -> dict[str, Any]:
    return {item["label"]: item["data"] for item in manifest["assertions"]}


def recipe_in_xmp(data: bytes) -> dict[str, Any]:
    with Image.open(io.BytesIO(data)) as image:
        description = image.getxmp()["xmpmeta"]["RDF"]["Description"]
    recipe: dict[str, Any] = json.loads(description["Recipe"])
    return recipe


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@needs_other_reader
def test_another_implementation_agrees(artist: Client, tmp_path: Path) -> None:
    """It reads no WebP."""
    files = []
    for picture_format in (PictureFormat.PNG, PictureFormat.JPEG):
        asked = {"seed": 7, "picture_format": picture_format, "content_credentials": True}
        (signed,) = artist.generate(**asked)
        painted = artist.stylize(
            signed.data, style="spring", picture_format=picture_format, content_credentials=True
        )
        for name, data in (("made", signed.data), ("painted", painted.data)):
            whole, changed = tmp_path / f"{name}.{picture_format.value}", bytearray(data)
            changed[-60] ^= 1
            whole.write_bytes(data)
            other = whole.with_stem(f"{name}-changed")
            other.write_bytes(changed)
            files += [whole, other]
    command = ["node", str(READER), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["valid"] for each in found] == [True, False] * 4
    assert {*map(str, found[1]["faults"])} == {"assertion.dataHash.mismatch"}


@pytest.mark.parametrize("picture_format", ENCODED)
def test_a_picture_is_signed(artist: Client, read: Read, picture_format: PictureFormat) -> None:
    asked = {"seed": 7, "style": "spring", "picture_format": picture_format}
    (plain,) = artist.generate(**asked)
    (signed,) = artist.generate(**asked, content_credentials=True)
    state, manifest, results = read(signed.data, picture_format)
    assert (state, results["failure"]) == ("Trusted", [])
    (generator,) = manifest["claim_generator_info"]
    assert (generator["name"], generator["version"]) == ("Impasto", version("impasto"))
    said = assertions(manifest)
    assert said["c2pa.actions.v2"]["actions"] == [
        {"action": "c2pa.created", "digitalSourceType": f"{SOURCE}trainedAlgorithmicMedia"}
    ]
    assert said["impasto.recipe"] == recipe_in_xmp(signed.data) == recipe_in_xmp(plain.data)
    assert said["impasto.recipe"]["seed"] == "7"
    assert manifest["signature_info"]["common_name"] == "signer"
    assert np.array_equal(pixels(signed.data), pixels(plain.data))


def changed(signed: bytes, plain: bytes) -> bytes:
    """The signed file with one bit changed in the middle of the plain one, which is pixels."""
    middle = plain[len(plain) // 2 :][:64]
    assert signed.count(middle) == 1
    place = signed.index(middle)
    return signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]


def failures(ingredient: dict[str, Any]) -> list[str]:
    return [item["code"] for item in ingredient["validation_results"]["activeManifest"]["failure"]]


@pytest.mark.parametrize("picture_format", ENCODED)
def test_one_changed_byte_is_found(
    artist: Client, read: Read, picture_format: PictureFormat
) -> None:
    asked = {"seed": 7, "picture_format": picture_format}
    plain, signed = (
        artist.generate(**asked, content_credentials=wanted)[0].data for wanted in (False, True)
    )
    state, _, results = read(changed(signed, plain), picture_format)
    assert state == "Invalid"
    assert [item["code"] for item in results["failure"]] == ["assertion.dataHash.mismatch"]


def test_the_rest_face_signs(signing: RunningServer, read: Read) -> None:
    body = {"seed": "7", "count": 2, "content_credentials": True}
    answer = httpx.post(f"{signing.http}/v1/generate", json=body).raise_for_status()
    for picture in answer.json()["pictures"]:
        assert read(base64.b64decode(picture["data"]), PictureFormat.PNG)[0] == "Trusted"
    query = {"seed": 7, "format": "webp", "content_credentials": "true"}
    file = httpx.get(f"{signing.http}/v1/picture", params=query).raise_for_status()
    assert read(file.content, PictureFormat.WEBP)[0] == "Trusted"


def test_streams_and_walks_are_signed(artist: Client, read: Read) -> None:
    signed: list[Picture] = [
        picture for _, picture in artist.generate_stream(seed=1, count=2, content_credentials=True)
    ]
    ends = Waypoint(1), Waypoint(2, style="spring")
    signed += artist.interpolate(*ends, frames=2, content_credentials=True)
    for picture in signed:
        state, manifest, _ = read(picture.data, PictureFormat.PNG)
        assert state == "Trusted"
        assert assertions(manifest)["impasto.recipe"] == recipe_in_xmp(picture.data)
    animation = artist.animate(*ends, frames=3, content_credentials=True)
    state, manifest, _ = read(animation.data, PictureFormat.WEBP)
    assert state == "Trusted"
    assert assertions(manifest)["impasto.recipe"]["frames"] == 3
    with Image.open(io.BytesIO(animation.data)) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
    assert recipe_in_xmp(animation.data)["frames"] == 3


@pytest.mark.parametrize("picture_format", ENCODED)
def test_a_painted_photograph_names_what_it_was_painted_over(
    artist: Client, read: Read, picture_format: PictureFormat
) -> None:
    (photo,) = artist.generate(seed=1, picture_format=picture_format, content_credentials=True)
    painted = artist.stylize(photo.data, style="spring", content_credentials=True)
    state, manifest, results = read(painted.data, PictureFormat.PNG)
    assert (state, results["failure"]) == ("Trusted", [])
    opened, edited = assertions(manifest)["c2pa.actions.v2"]["actions"]
    assert opened["action"] == "c2pa.opened"
    assert edited == {
        "action": "c2pa.edited",
        "digitalSourceType": f"{SOURCE}compositeWithTrainedAlgorithmicMedia",
    }
    (parent,) = manifest["ingredients"]
    assert parent["relationship"] == "parentOf"
    # Its own credentials came along, and were looked at; the server trusts nobody by name.
    assert parent["active_manifest"]
    assert failures(parent) == ["signingCredential.untrusted"]
    plain = artist.generate(seed=1, picture_format=picture_format)[0].data
    painted = artist.stylize(plain, style="spring", content_credentials=True)
    state, manifest, _ = read(painted.data, PictureFormat.PNG)
    assert state == "Trusted"
    assert "active_manifest" not in manifest["ingredients"][0]


def test_a_changed_photograph_stays_known_as_one(artist: Client, read: Read) -> None:
    asked = {"seed": 1, "picture_format": PictureFormat.JPEG}
    plain, signed = (
        artist.generate(**asked, content_credentials=wanted)[0].data for wanted in (False, True)
    )
    painted = artist.stylize(changed(signed, plain), style="spring", content_credentials=True)
    state, manifest, _ = read(painted.data, PictureFormat.PNG)
    assert state == "Trusted"
    assert "assertion.dataHash.mismatch" in failures(manifest["ingredients"][0])


def test_broken_credentials_of_a_photograph_are_the_callers_to_mend(artist: Client) -> None:
    photo = artist.generate(seed=1, picture_format=PictureFormat.JPEG, content_credentials=True)
    broken = photo[0].data.replace(b"claim_generator_info", b"claim_generator_xxxx")
    with pytest.raises(ImpastoError) as caught:
        artist.stylize(broken, style="spring", content_credentials=True)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details.startswith(
        "picture: expected a file whose own Content Credentials can be read, or without any, got"
    )
    # As many as would take long.
    with pytest.raises(ImpastoError, match="have at most 400 boxes, got 40"):
        artist.stylize(photo[0].data + 400 * b"jumd", style="spring", content_credentials=True)
    # Who does not ask for a signature has them ignored.
    assert artist.stylize(broken, style="spring")


def test_addresses_in_a_photograph_are_never_asked(artist: Client) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        place = f"http://127.0.0.1:{server.server_port}/manifest.c2pa"
        xmp = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" '
            f'dcterms:provenance="{place}"/></rdf:RDF></x:xmpmeta>'
        )
        file = io.BytesIO()
        Image.new("RGB", (64, 64)).save(file, "JPEG", xmp=xmp.encode())
        # The reader follows such an address by itself: the trap works.
        with pytest.raises(c2pa.C2paError):
            c2pa.Reader("image/jpeg", io.BytesIO(file.getvalue()), context=c2pa.Context())
        assert asked == ["/manifest.c2pa"]
        artist.stylize(file.getvalue(), style="spring", content_credentials=True)
        server.shutdown()
        thread.join()
    assert asked == ["/manifest.c2pa"]


def test_a_signed_picture_is_made_anew(signing: RunningServer, artist: Client) -> None:
    def lookups() -> float:
        samples = signing.metrics().items()
        return sum(n for name, n in samples if name[0] == "impasto_picture_cache_lookups_total")

    before = lookups()
    first, second = (artist.generate(seed=99, content_credentials=True) for _ in range(2))
    assert first != second
    assert lookups() == before


def test_bare_pixels_carry_no_signature(artist: Client, signing: RunningServer) -> None:
    said = "format: expected png, jpeg or webp with content_credentials, got raw_rgb8"
    with pytest.raises(ImpastoError) as caught:
        artist.generate(picture_format=PictureFormat.RAW_RGB8, content_credentials=True)
    assert (caught.value.code, caught.value.details) == (grpc.StatusCode.INVALID_ARGUMENT, said)
    body = {"format": "raw_rgb8", "content_credentials": True}
    answer = httpx.post(f"{signing.http}/v1/generate", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, said)


def test_a_server_without_a_certificate_says_so(client: Client, server: RunningServer) -> None:
    said = "content_credentials: expected false: the server has no certificate to sign with, got"
    ends = Waypoint(1), Waypoint(2)
    photo = client.generate(seed=1)[0].data
    for ask in (
        lambda: client.generate(content_credentials=True),
        lambda: list(client.generate_stream(content_credentials=True)),
        lambda: client.stylize(photo, style="spring", content_credentials=True),
        lambda: list(client.interpolate(*ends, content_credentials=True)),
        lambda: client.animate(*ends, content_credentials=True),
    ):
        with pytest.raises(ImpastoError) as caught:
            ask()
        assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
        assert caught.value.details.startswith(said)
    answer = httpx.get(f"{server.http}/v1/picture?content_credentials=true")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(said)


def test_the_command_signs(signing: RunningServer, read: Read, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        arguments = [*words, "--content-credentials", "--target", signing.target]
        done = CliRunner().invoke(main, arguments)
        return f"{done.exit_code} {done.output}"

    file, painted, walk = tmp_path / "a.png", tmp_path / "b.jpg", tmp_path / "c.webp"
    assert run("generate", "--seed", "7", "-o", str(file)).startswith("0 ")
    assert run("stylize", str(file), "--style", "spring", "-o", str(painted)).startswith("0 ")
    assert run("interpolate", "1", "2", "--frames", "2", "-o", str(walk)).startswith("0 ")
    for path, known in zip((file, painted, walk), ENCODED, strict=True):
        assert read(path.read_bytes(), known)[0] == "Trusted"
    grid = run("generate", "--count", "2", "-o", str(file))
    assert grid.startswith("2 ")
    assert "several pictures in one file make a grid, which nobody has signed" in grid


def with_password(files: tuple[Path, Path]) -> tuple[Path, Path]:
    key = load_pem_private_key(files[1].read_bytes(), None)
    secret = BestAvailableEncryption(b"secret")
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
    return files


def with_a_foreign_authority(files: tuple[Path, Path], folder: Path) -> tuple[Path, Path]:
    mine = files[0].read_bytes().split(b"-----END CERTIFICATE-----\n")[0]
    foreign = SigningAuthority(folder, "foreign").pem
    files[0].write_bytes(mine + b"-----END CERTIFICATE-----\n" + foreign)
    return files


UNUSABLE: dict[str, tuple[Callable[[SigningAuthority, Path], tuple[Path, Path]], str]] = {
    "expired": (
        lambda authority, _: authority.issue("expired", timedelta(days=-1)),
        "CN=expired,O=Impasto's tests: expired at",
    ),
    "other key": (
        lambda authority, _: (authority.issue("mine")[0], authority.issue("other")[1]),
        "expected the private key of the first certificate in",
    ),
    "broken chain": (
        lambda authority, folder: with_a_foreign_authority(authority.issue("lost"), folder),
        "expected a chain, each certificate signed by the next; CN=lost,O=Impasto's tests is not",
    ),
    "password": (
        lambda authority, _: with_password(authority.issue("locked")),
        "expected a PEM private key, no password",
    ),
    "no certificate": (
        lambda authority, _: (Path("README.md"), authority.issue("signer")[1]),
        "README.md: expected PEM certificates",
    ),
    "no file": (
        lambda authority, _: (authority.issue("signer")[0], Path("no.pem")),
        "no.pem: cannot be read (No such file or directory)",
    ),
    "for servers": (
        lambda authority, _: authority.issue("web", usage=ExtendedKeyUsageOID.SERVER_AUTH),
        "cannot sign Content Credentials (Signature: the certificate is invalid); C2PA wants",
    ),
    "of itself": (
        lambda authority, _: authority.own(),
        "cannot sign Content Credentials (Signature: the certificate was self-signed); C2PA wants",
    ),
}


@pytest.mark.parametrize(("make", "message"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_certificate_of_no_use_does_not_start(
    tmp_path: Path,
    make: Callable[[SigningAuthority, Path], tuple[Path, Path]],
    message: str,
) -> None:
    assert message in failed_start(*flags(make(SigningAuthority(tmp_path), tmp_path)))


def test_the_two_files_go_together() -> None:
    said = "--c2pa-certificate and --c2pa-key go together"
    assert said in failed_start("--c2pa-key", "x.pem")


def test_who_signs_nothing_loads_nothing_for_it(server: RunningServer) -> None:
    maps = Path(f"/proc/{server.process.pid}/maps")
    if not maps.exists():
        pytest.skip("this system does not tell what a process has loaded")
    assert "libc2pa" not in maps.read_text()


def test_nothing_is_signed_with_a_certificate_that_has_expired(
    authority: SigningAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = Signer(*authority.issue("short"))
    signer.check()

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(days=4)

    monkeypatch.setattr(content_credentials, "datetime", Later)
    with pytest.raises(InvalidArgument, match="false: the server's certificate has expired"):
        signer.check()
