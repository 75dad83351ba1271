"""Who may call, and who may listen in."""

import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
import trustme
from api_keys import make_key, run_keys
from click.testing import CliRunner
from impasto import Client, Credentials, ImpastoError
from impasto.cli import main
from running_server import RunningServer, failed_start, running_server
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The file, a key that generates, and one that does everything."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    return (
        path,
        make_key(path, "studio"),
        make_key(path, "ops", "--scope", "generate", "--scope", "admin"),
    )


@pytest.fixture(scope="module")
def guarded(keys: tuple[Path, str, str]) -> Iterator[RunningServer]:
    flags = ("--model-control-mode", "explicit", "--load-model", "*", "--api-keys", str(keys[0]))
    with running_server(*flags) as running:
        yield running


def test_the_file_holds_no_key(keys: tuple[Path, str, str]) -> None:
    path, *made = keys
    text = path.read_text()
    assert not any(key in text for key in made)
    assert path.stat().st_mode & 0o077 == 0
    again = run_keys(path, "ops")
    assert again.returncode == 1
    assert "there is a key of the name 'ops'; remove it first" in again.stderr
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("key", "came"), [("", "expected 'Bearer KEY' with an API key, got none"), ("x", "got another")]
)
def test_without_a_known_key_nothing_is_made(guarded: RunningServer, key: str, came: str) -> None:
    with Client(guarded.target, credentials=Credentials(key)) as client:
        for ask in (client.generate, client.models, lambda: list(client.generate_stream())):
            with pytest.raises(ImpastoError, match=came) as caught:
                ask()
            assert caught.value.code is grpc.StatusCode.UNAUTHENTICATED
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for path in ("/v1/picture", "/v1/models", "/v2/models/landscapes"):
        answer = httpx.get(f"{guarded.http}{path}", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_health_metrics_and_descriptions_stay_open(guarded: RunningServer) -> None:
    for path in ("/health/ready", "/metrics", "/openapi.json", "/docs", "/v2/health/ready"):
        assert httpx.get(f"{guarded.http}{path}").status_code == 200


def test_a_key_is_good_for_its_scopes(guarded: RunningServer, keys: tuple[Path, str, str]) -> None:
    _, studio, ops = keys
    with Client(guarded.target, credentials=Credentials(studio)) as client:
        assert client.generate(seed=1)
    bearer = {"Authorization": f"Bearer {studio}"}
    assert httpx.get(f"{guarded.http}/v1/picture", headers=bearer).status_code == 200
    url = f"{guarded.http}/v2/repository/models/nebulae/unload"
    refused = httpx.post(url, headers=bearer)
    assert (refused.status_code, refused.json()["error"]) == (
        403,
        "RepositoryModelUnload: expected a key with scope 'admin', or a token with scope "
        "'impasto:admin'",
    )
    assert httpx.post(url, headers={"Authorization": f"Bearer {ops}"}).status_code == 200
    with InferenceServerClient(guarded.target) as triton:
        with pytest.raises(InferenceServerException, match="scope 'admin'"):
            triton.load_model("nebulae", headers={"authorization": f"bearer {studio}"})
        with Client(guarded.target, credentials=Credentials(studio)) as client:
            assert [model.name for model in client.models()] == ["landscapes", "fashion"]
        listed = httpx.get(f"{guarded.http}/v1/models", headers=bearer).json()["models"]
        assert [model["name"] for model in listed] == ["landscapes", "fashion"]
        triton.load_model("nebulae", headers={"authorization": f"bearer {ops}"})


def test_the_command_takes_the_key_from_the_environment(
    guarded: RunningServer, keys: tuple[Path, str, str]
) -> None:
    arguments = ["models", "--target", guarded.target]
    assert CliRunner().invoke(main, arguments).exit_code == 1
    assert CliRunner().invoke(main, arguments, env={"IMPASTO_API_KEY": keys[1]}).exit_code == 0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class Certificates:
    """Files of one authority in a folder."""

    def __init__(self, authority: trustme.CA, folder: Path) -> None:
        self.authority, self.folder = authority, folder
        self.ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        self.renew()

    def renew(self) -> bytes:
        """A new certificate of the same names; its bytes."""
        made = self.authority.issue_cert("localhost", "127.0.0.1")
        made.private_key_pem.write_to_path(str(self.folder / "key.pem"))
        (self.folder / "certificate.pem").write_bytes(made.cert_chain_pems[0].bytes())
        return made.cert_chain_pems[0].bytes()

    @property
    def flags(self) -> list[str]:
        names = {"--tls-certificate": "certificate.pem", "--tls-key": "key.pem"}
        return [word for flag, name in names.items() for word in (flag, str(self.folder / name))]

    def trusting(self) -> Credentials:
        return Credentials(tls=True, ca=self.ca)


@pytest.fixture
def certificates(authority: trustme.CA, tmp_path: Path) -> Certificates:
    return Certificates(authority, tmp_path)


def test_both_ports_talk_tls_and_renew_it(certificates: Certificates) -> None:
    with running_server(*certificates.flags) as running:
        http = running.http
        trusted = ssl.create_default_context(cafile=str(certificates.ca))
        with Client(running.target, credentials=certificates.trusting()) as client:
            assert client.generate(seed=1)
        assert httpx.get(f"{http}/health/ready", verify=trusted).status_code == 200
        with Client(running.target, timeout=5) as plain, pytest.raises(ImpastoError):
            plain.generate()
        host, port = running.target.rsplit(":", 1)
        wanted = certificates.renew()
        patience = time.monotonic() + 20
        for address in ((host, int(port)), (host, int(http.rsplit(":", 1)[1]))):
            while ssl.get_server_certificate(address).encode() != wanted:
                assert time.monotonic() < patience, "the certificate was never renewed"
                time.sleep(0.1)
        # A file that is no certificate changes nothing.
        (certificates.folder / "certificate.pem").write_text("half of a renewal")
        time.sleep(1.5)
        with Client(running.target, credentials=certificates.trusting()) as client:
            assert client.generate(seed=1)
        assert httpx.get(f"{http}/health/ready", verify=trusted).status_code == 200


def test_mutual_tls_asks_callers_for_theirs(certificates: Certificates) -> None:
    mine = certificates.authority.issue_cert("caller")
    chain, key = certificates.folder / "caller.pem", certificates.folder / "caller-key.pem"
    chain.write_bytes(mine.cert_chain_pems[0].bytes())
    mine.private_key_pem.write_to_path(str(key))
    with running_server(*certificates.flags, "--tls-client-ca", str(certificates.ca)) as running:
        known = Credentials(tls=True, ca=certificates.ca, certificate=chain, key=key)
        with Client(running.target, credentials=known) as client:
            assert client.generate(seed=1)
        with Client(running.target, 5, certificates.trusting()) as client:
            with pytest.raises(ImpastoError):
                client.generate()
        trusted = ssl.create_default_context(cafile=str(certificates.ca))
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{running.http}/health/ready", verify=trusted)
        trusted.load_cert_chain(chain, key)
        assert httpx.get(f"{running.http}/health/ready", verify=trusted).status_code == 200
        flags = ["--ca", str(certificates.ca), "--certificate", str(chain), "--key", str(key)]
        done = CliRunner().invoke(main, ["models", "--target", running.target, *flags])
        assert done.exit_code == 0, done.output


def test_a_replaced_authority_is_trusted_no_more(certificates: Certificates) -> None:
    others = trustme.CA()
    clients = certificates.folder / "clients.pem"
    contexts = []
    for authority in (certificates.authority, others):
        context = ssl.create_default_context(cafile=str(certificates.ca))
        authority.issue_cert("caller").configure_cert(context)
        contexts.append(context)

    def let_in(context: ssl.SSLContext) -> bool:
        try:
            return httpx.get(f"{running.http}/health/ready", verify=context).is_success
        except httpx.HTTPError:
            return False

    certificates.authority.cert_pem.write_to_path(str(clients))
    with running_server(*certificates.flags, "--tls-client-ca", str(clients)) as running:
        assert [let_in(context) for context in contexts] == [True, False]
        others.cert_pem.write_to_path(str(clients))
        patience = time.monotonic() + 20
        while not let_in(contexts[1]):
            assert time.monotonic() < patience, "the new authority was never trusted"
            time.sleep(0.1)
        assert not let_in(contexts[0])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--host", "0.0.0.0"], "can be reached from other machines; give --tls-certificate and"),
        (["--tls-key", "x.pem"], "--tls-certificate and --tls-key go together"),
        (["--tls-client-ca", "x.pem"], "--tls-client-ca needs --tls-certificate and --tls-key"),
        (
            ["--tls-key", "x.pem", "--tls-certificate", "y.pem"],
            "expected PEM files that belong together in y.pem, x.pem",
        ),
        (["--api-keys", "no.json"], "no.json: cannot be read (No such file or directory)"),
        (["--api-keys", "README.md"], "README.md: file: Invalid JSON"),
    ],
)
def test_what_cannot_be_secured_does_not_start(flags: list[str], message: str) -> None:
    assert message in failed_start(*flags)
