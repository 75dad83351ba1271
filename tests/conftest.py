import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from filelock import ReadWriteLock
from impasto import Client
from running_server import RunningServer, running_server

# Where the processes of a test run find their lock.
_LOCKS = "IMPASTO_TEST_LOCKS"


def pytest_configure(config: pytest.Config) -> None:
    """Make a place for the lock, before the other processes start."""
    if not hasattr(config, "workerinput"):
        folder = tempfile.TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        os.environ[_LOCKS] = folder.name


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test beside those of the other processes, or alone if it is marked so."""
    lock = ReadWriteLock(Path(os.environ[_LOCKS]) / "machine")
    alone = item.get_closest_marker("alone") is not None
    with lock.write_lock() if alone else lock.read_lock():
        return (yield)


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    """One server on the committed models, with default settings."""
    with running_server() as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.target) as connected:
        yield connected
