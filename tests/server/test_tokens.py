"""JSON Web Tokens in the place of API keys."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc
import httpx
import jwt
import pytest
import trustme
from api_keys import make_key
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from impasto import Client, Credentials, ImpastoError
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, RSAAlgorithm
from running_server import RunningServer, failed_start, running_server

ISSUER, AUDIENCE = "https://login.example", "impasto-test"
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY, STRANGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
PATIENCE = 60


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": now + 600,
        "nbf": now - 60,
        "scope": "openid impasto:generate",
    }
    return {name: value for name, value in (usual | changed).items() if value is not None}


def token(
    key: Any = EC_KEY, algorithm: str = "ES256", kid: str | None = "ec", **changed: Any
) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**changed), key, algorithm, headers)


def public(kid: str, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    return {"kid": kid, **ECAlgorithm.to_jwk(key.public_key(), as_dict=True)}


def key_set(**keys: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    return {"keys": [public(kid, key) for kid, key in keys.items()]}


def unsigned() -> str:
    return jwt.encode(claims(), "", "none", {"kid": "ec"})


def signed_with_the_public_key() -> str:
    """HS256 whose secret is what everybody may know; PyJWT itself refuses to make it."""

    def part(document: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    secret = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa'})}.{part(claims())}"
    digest = hmac.digest(secret, text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def flags(source: object) -> list[str]:
    return ["--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE, "--jwt-keys", str(source)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A key set, a file of API keys, and the API key in it."""
    folder = tmp_path_factory.mktemp("tokens")
    document = key_set(ec=EC_KEY)
    rsa_key = RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True)
    secret = HMACAlgorithm.to_jwk("x" * 32, as_dict=True)
    document["keys"] += [{"kid": "rsa", **rsa_key}, {"kid": "oct", **secret}]
    (folder / "jwks.json").write_text(json.dumps(document))
    keys = folder / "keys.json"
    return folder / "jwks.json", keys, make_key(keys, "studio")


@pytest.fixture(scope="module")
def guarded(files: tuple[Path, Path, str]) -> Iterator[RunningServer]:
    with running_server(*flags(files[0]), "--api-keys", str(files[1])) as running:
        yield running


def over_rest(running: RunningServer, bearer: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {bearer}"}
    return httpx.get(f"{running.http}/v1/models", headers=headers)


GOOD = {
    "elliptic curve": token,
    "RSA": lambda: token(RSA_KEY, "RS256", "rsa"),
    "several audiences": lambda: token(aud=["others", AUDIENCE]),
    "no nbf": lambda: token(nbf=None),
    "a clock that goes ahead": lambda: token(nbf=int(time.time()) + 3),
}


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD.keys())
def test_a_token_opens_both_doors(guarded: RunningServer, make: Callable[[], str]) -> None:
    good = make()
    # Twice: it is checked, and then remembered.
    for _ in range(2):
        assert over_rest(guarded, good).status_code == 200
        with Client(guarded.target, credentials=Credentials(good)) as client:
            assert client.models()


def test_api_keys_stay_good_beside_tokens(
    guarded: RunningServer, files: tuple[Path, Path, str]
) -> None:
    assert over_rest(guarded, files[2]).status_code == 200
    assert over_rest(guarded, "x").json()["error"].endswith("a known API key, got another one")
    answer = httpx.get(f"{guarded.http}/v1/models")
    assert "with an API key or a JWT, got none" in answer.json()["error"]


BAD = {
    "expired": (lambda: token(exp=int(time.time()) - 60), "that has not expired"),
    "not valid yet": (lambda: token(nbf=int(time.time()) + 600), "that is valid already"),
    "other issuer": (lambda: token(iss="https://evil.example"), "of this server's issuer"),
    "other audience": (lambda: token(aud="others"), "for this server's audience"),
    "no expiry": (lambda: token(exp=None), "with the claims exp, iss and aud"),
    "no issuer": (lambda: token(iss=None), "with the claims exp, iss and aud"),
    "no audience": (lambda: token(aud=None), "with the claims exp, iss and aud"),
    "unsigned": (unsigned, "signed by a known key"),
    "public key as secret": (signed_with_the_public_key, "signed by a known key"),
    "shared secret of the set": (
        lambda: token("x" * 32, "HS256", "oct"),
        "signed by a known key",
    ),
    "other key": (lambda: token(STRANGER), "signed by a known key"),
    "other algorithm": (lambda: token(RSA_KEY, "PS256", "rsa"), "signed by a known key"),
    "unknown kid": (lambda: token(kid="other"), "signed by a known key"),
    "no kid": (lambda: token(kid=None), "signed by a known key"),
    "changed": (lambda: token()[:-10] + "A" * 10, "signed by a known key"),
    "expiry without end": (lambda: token(exp=float("inf")), "that can be read"),
    "no token": (lambda: "a.b.c", "that can be read"),
    "empty parts": (lambda: "..", "that can be read"),
    "too long": (lambda: token(more="x" * 5300), "of at most 7168 characters"),
}


@pytest.mark.parametrize(("make", "expected"), BAD.values(), ids=BAD.keys())
def test_a_token_that_is_not_good_opens_none(
    guarded: RunningServer, make: Callable[[], str], expected: str
) -> None:
    bad = make()
    said = f"authorization: expected a JWT {expected}, got another one"
    for _ in range(2):
        answer = over_rest(guarded, bad)
        assert (answer.status_code, answer.json()["error"]) == (401, said)
        assert answer.headers["www-authenticate"] == "Bearer"
    with Client(guarded.target, credentials=Credentials(bad)) as client:
        with pytest.raises(ImpastoError) as caught:
            client.models()
    assert caught.value.code is grpc.StatusCode.UNAUTHENTICATED
    assert caught.value.details == said


@pytest.mark.parametrize("scope", [None, "", "openid impasto:generated", ["impasto:generate"]])
def test_a_token_without_the_scope_is_good_for_nothing(
    guarded: RunningServer, scope: object
) -> None:
    bad = token(scope=scope)
    answer = over_rest(guarded, bad)
    assert answer.status_code == 403
    assert "a token with scope 'impasto:generate'" in answer.json()["error"]
    with Client(guarded.target, credentials=Credentials(bad)) as client:
        with pytest.raises(ImpastoError) as caught:
            client.models()
    assert caught.value.code is grpc.StatusCode.PERMISSION_DENIED


def test_scopes_are_those_of_keys(guarded: RunningServer) -> None:
    url = f"{guarded.http}/v2/repository/models/mona_lisa/load"
    statuses = [
        httpx.post(url, headers={"Authorization": f"Bearer {token(scope=scope)}"}).status_code
        for scope in ("impasto:generate", "impasto:generate impasto:admin")
    ]
    assert statuses[0] == 403
    assert statuses[1] not in {401, 403}


class Issuer:
    """Serves a key set over HTTPS."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        self.document: bytes | None = b""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(404 if issuer.document is None else 200)
                self.end_headers()
                self.wfile.write(issuer.document or b"")

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_port}/jwks.json"
        self.environment = {"SSL_CERT_FILE": str(self.ca)}


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    made = Issuer(tmp_path)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_keys_come_from_a_url_and_are_renewed(issuer: Issuer) -> None:
    issuer.document = json.dumps(key_set(ec=EC_KEY)).encode()
    with running_server(*flags(issuer.url), environment=issuer.environment) as running:
        old, new = token(), token(STRANGER, kid="new")
        assert over_rest(running, old).status_code == 200
        assert over_rest(running, "x").json()["error"].endswith("that can be read, got another one")
        issuer.document = json.dumps(key_set(new=STRANGER)).encode()
        patience = time.monotonic() + PATIENCE
        # The first of these has the server look again.
        while over_rest(running, new).status_code == 401:
            assert time.monotonic() < patience, "the new key was never taken"
            time.sleep(0.05)
        # What was checked with a key that is gone is good no more.
        assert over_rest(running, old).status_code == 401


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (None, "cannot be read (Client error '404 Not Found'"),
        (b" " * 300_000, "expected at most 262144 bytes, got more"),
        (b"<html>", "expected a JSON Web Key Set"),
    ],
    ids=["missing", "endless", "something else"],
)
def test_a_url_without_keys_does_not_start(
    issuer: Issuer, document: bytes | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer.document = document
    for name, value in issuer.environment.items():
        monkeypatch.setenv(name, value)
    assert message in failed_start(*flags(issuer.url))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--jwt-issuer", "x"], "--jwt-issuer, --jwt-audience and --jwt-keys go together"),
        (flags("http://localhost/"), "expected a file or an https URL, got an http URL"),
        (flags("no.json"), "no.json: cannot be read ([Errno 2] No such file"),
        (flags("README.md"), "README.md: expected a JSON Web Key Set"),
    ],
)
def test_what_cannot_be_checked_does_not_start(given: list[str], message: str) -> None:
    assert message in failed_start(*given)


@pytest.mark.parametrize(
    "document",
    [
        {"keys": [{"kid": "oct", **HMACAlgorithm.to_jwk("x" * 32, as_dict=True)}]},
        {"keys": [ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True)]},
        {"keys": [public("ec", EC_KEY) | {"use": "enc"}]},
    ],
    ids=["shared secret", "no name", "for encryption"],
)
def test_keys_of_no_use_do_not_start(tmp_path: Path, document: dict[str, Any]) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(document))
    message = "expected a JSON Web Key Set with a public key for signatures that has a 'kid'"
    assert message in failed_start(*flags(path))
