"""Starts a real PostgreSQL, as the system has it installed."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_PATIENCE_SECONDS = 30


def programs() -> Path | None:
    """The folder of PostgreSQL's programs; Debian keeps them off the path."""
    found = shutil.which("initdb")
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(found).resolve().parent if found else known[-1].parent if known else None


class RunningPostgresql:
    """One server, on a socket in a folder of its own."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self._folder = folder
        self._process = process

    def processes(self) -> list[int]:
        """Those that serve connections, and their helpers."""
        listed = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [int(number) for number in listed.split()]

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://impasto@/{database}?host={self._folder}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return self.url(name)


@contextmanager
def running_postgresql(programs: Path) -> Iterator[RunningPostgresql]:
    # PostgreSQL refuses to run as root, and its socket's path must be short.
    user = pwd.getpwnam("postgres").pw_name if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        if user is not None:
            shutil.chown(name, user)
        data, log = Path(name) / "data", Path(name) / "log"
        initialise = [programs / "initdb", "-D", data, "-U", "impasto", "-A", "trust", "-N"]
        subprocess.run(initialise, user=user, cwd=name, check=True, stdout=subprocess.DEVNULL)
        serve = [programs / "postgres", "-D", data, "-k", name, "-h", "", "-F"]
        with log.open("w") as output:
            process = subprocess.Popen(serve, user=user, cwd=name, stdout=output, stderr=output)
        try:
            running = RunningPostgresql(Path(name), process)
            _wait(running, process, log)
            yield running
        finally:
            # Fast shutdown: whoever is still connected is not waited for.
            process.send_signal(signal.SIGINT)
            process.wait()


def _wait(running: RunningPostgresql, process: subprocess.Popen[bytes], log: Path) -> None:
    patience = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < patience:
        try:
            psycopg.connect(running.url()).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"PostgreSQL did not start:\n{log.read_text()}")
