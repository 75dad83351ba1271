"""version_policy: which versions are served, and how requests name them."""

from pathlib import Path

import pytest
from running_engine import ALL_EXPLICIT, ask, request, running_engine
from tiny_models import write_model, write_version

from server.errors import InvalidArgument, ModelLoadError, NotFound


def write_versions(repository: Path, policy: str, *versions: str) -> None:
    """Version n adds n."""
    folder = write_model(repository, policy, version=versions[0], added=float(versions[0]))
    for version in versions[1:]:
        write_version(folder, version, float(version))


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ("", ["10"]),
        ("version_policy { latest { num_versions: 2 } }", ["2", "10"]),
        ("version_policy { latest { num_versions: 9 } }", ["1", "2", "10"]),
        ("version_policy { all {} }", ["1", "2", "10"]),
        ("version_policy { specific { versions: [2, 1] } }", ["1", "2"]),
    ],
)
async def test_policy_chooses(tmp_path: Path, policy: str, served: list[str]) -> None:
    write_versions(tmp_path, policy, "1", "2", "10")
    async with running_engine(tmp_path, ALL_EXPLICIT) as engine:
        assert list((await engine.metadata("add_one")).versions) == served
        for version in served:
            assert await ask(engine, version=version) == float(version)
            assert await engine.model_ready("add_one", version)
        greatest = await engine.infer(request())
        assert greatest.version == served[-1], "nobody named a version"
        assert [item.version for item in await engine.statistics("add_one")] == served


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("version_policy { latest {} }", "expected num_versions of at least 1"),
        ("version_policy { specific {} }", "expected versions, got none"),
        ("version_policy { specific { versions: [1, 3] } }", r"missing are \['3'\]"),
    ],
)
async def test_policy_that_cannot_be_met(tmp_path: Path, policy: str, message: str) -> None:
    write_versions(tmp_path, policy, "1", "2")
    with pytest.raises(ModelLoadError, match=message):
        async with running_engine(tmp_path, ALL_EXPLICIT):
            pass


async def test_folders_that_are_no_versions(tmp_path: Path) -> None:
    write_versions(tmp_path, "version_policy { all {} }", "1", "02", "0")
    (tmp_path / "add_one/old").mkdir()
    async with running_engine(tmp_path, ALL_EXPLICIT) as engine:
        assert list((await engine.metadata("add_one")).versions) == ["1"]


@pytest.mark.parametrize("version", ["-1", "0", "x", "1.0", "01", "²"])
async def test_version_that_is_no_version(tmp_path: Path, version: str) -> None:
    write_versions(tmp_path, "", "1")
    async with running_engine(tmp_path, ALL_EXPLICIT) as engine:
        with pytest.raises(InvalidArgument, match="version of add_one: expected a whole number"):
            await ask(engine, version=version)


async def test_version_that_is_not_served(tmp_path: Path) -> None:
    write_versions(tmp_path, "", "1", "2")
    async with running_engine(tmp_path, ALL_EXPLICIT) as engine:
        with pytest.raises(NotFound, match=r"'1' is not served; served are \['2'\]"):
            await ask(engine, version="1")
        assert not await engine.model_ready("add_one", "1")
