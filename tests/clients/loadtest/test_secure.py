"""A server behind TLS that wants an API key, under load."""

from pathlib import Path

import trustme
from api_keys import make_key
from click.testing import CliRunner
from impasto.cli import main
from loadtest.results import Result
from running_server import running_server


def test_tls_and_an_api_key_over_grpc_and_http(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca, chain, key = (tmp_path / name for name in ("ca.pem", "chain.pem", "key.pem"))
    authority.cert_pem.write_to_path(ca)
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_pem.write_to_path(key)
    for part in certificate.cert_chain_pems:
        part.write_to_path(chain, append=True)
    keys = tmp_path / "keys.json"
    secret = make_key(keys, "load")
    flags = ["--api-keys", str(keys), "--tls-certificate", str(chain), "--tls-key", str(key)]
    with running_server(*flags) as server:
        metrics = ["--metrics-url", f"{server.http}/metrics", "--ca", str(ca)]
        for target, address in (("impasto", server.target), ("rest", server.http)):
            path = tmp_path / f"{target}.json"
            command = ["load", "--target", target, "--address", address, *metrics, "--quiet"]
            command += ["--rate", "10", "--seconds", "0.5", "--warm-up", "0", "--size", "64"]
            refused = CliRunner().invoke(main, command)
            assert refused.exit_code == 3
            assert "expected 'Bearer KEY' with an API key, got none" in refused.output
            done = CliRunner().invoke(main, [*command, "--api-key", secret, "--json", str(path)])
            assert done.exit_code == 0, done.output
            assert secret not in path.read_text()
            result = Result.model_validate_json(path.read_text())
            assert result.runs[0].answered == 5
            assert result.runs[0].server is not None
            assert result.target.server.startswith("impasto ")
