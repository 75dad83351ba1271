"""Which versions of a model are served: version_policy, as Triton has it."""

from __future__ import annotations

from pathlib import Path

from server.engines.onnxruntime.config import ConfigFile
from server.errors import ModelLoadError


def model_folders(repository: Path) -> list[Path]:
    """The models of a repository; a name that begins with a dot is somebody's unfinished work.

    Raises:
        OSError: the repository is not there.
    """
    return [
        path for path in repository.iterdir() if path.is_dir() and not path.name.startswith(".")
    ]


def choose_versions(file: ConfigFile) -> list[str]:
    """The version folders beside a configuration that its version_policy chooses, oldest first.

    Raises:
        ModelLoadError: there is none, or one that the policy names is missing.
    """
    folder = file.path.parent
    found = version_folders(folder)
    if not found:
        raise ModelLoadError(folder, "expected a version folder (1, 2, ...), found none")
    policy = file.config.version_policy
    match policy.WhichOneof("policy_choice"):
        case "all":
            return found
        case "specific":
            return _specific(file, found)
        case "latest":
            if policy.latest.num_versions < 1:
                raise file.fault("latest", "version_policy: expected num_versions of at least 1")
            return found[-policy.latest.num_versions :]
        case _:
            return found[-1:]


def version_folders(folder: Path) -> list[str]:
    """Names of the version folders, oldest first; Triton passes over names like `01` and `0`."""
    names = (path.name for path in folder.iterdir() if path.is_dir())
    return sorted((name for name in names if is_version(name)), key=int)


def is_version(text: str) -> bool:
    """Whether `text` is a version as it names a folder: a whole number above 0, in digits."""
    return text.isascii() and text.isdecimal() and not text.startswith("0")


def _specific(file: ConfigFile, found: list[str]) -> list[str]:
    wanted = sorted(set(file.config.version_policy.specific.versions))
    names = [str(number) for number in wanted]
    if not names:
        raise file.fault("specific", "version_policy: expected versions, got none")
    if missing := [name for name in names if name not in found]:
        raise file.fault(
            "specific",
            f"version_policy: expected a folder for each of versions {names}, missing are "
            f"{missing}; there are {found}",
        )
    return names
