"""Starts a server that speaks S3 over HTTP."""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_READY = re.compile(r"Running on (http://\S+)")
_PATIENCE_SECONDS = 30
BUCKET = "pictures"


@dataclass
class RunningS3:
    """An S3 server with one bucket."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What points a client at it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }

    def names(self) -> list[str]:
        """Of all objects."""
        listed = httpx.get(f"{self.url}/{BUCKET}?list-type=2").raise_for_status().text
        return re.findall(r"<Key>([^<]+)</Key>", listed)


@contextmanager
def running_s3(port: int = 0) -> Iterator[RunningS3]:
    with tempfile.NamedTemporaryFile("r") as log, Path(log.name).open("w") as output:
        command = [sys.executable, "-m", "moto.server", "-p", str(port)]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            url = _wait(process, Path(log.name))
            httpx.put(f"{url}/{BUCKET}").raise_for_status()
            yield RunningS3(process, url)
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path) -> str:
    patience = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < patience:
        if ready := _READY.search(log.read_text()):
            return ready[1]
        time.sleep(0.05)
    raise AssertionError(f"the S3 server did not start:\n{log.read_text()}")
