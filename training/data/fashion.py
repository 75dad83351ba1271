"""Fashion-MNIST out of its Debian package, laid down where torchvision looks for it.

The package's gzip files are not byte for byte those that torchvision would download, so they are
unpacked here: torchvision reads unpacked files without asking where they came from.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from training.errors import DataError

_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def extract_fashion(source: Path, target: Path) -> list[Path]:
    """Write the four idx files of `source` unpacked to `target`.

    Raises:
        DataError: one is missing or damaged.
    """
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name in _FILES:
        packed = source / f"{name}.gz"
        try:
            contents = gzip.decompress(packed.read_bytes())
        except (OSError, EOFError) as error:
            raise DataError(f"{packed}: cannot be unpacked: {error}") from error
        path = target / name
        path.write_bytes(contents)
        written.append(path)
    return written
