"""The command `impasto` against the real server."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from impasto import Client
from impasto.cli import main
from PIL import Image
from running_server import RunningServer


def generate(server: RunningServer, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["generate", "--target", server.target, *arguments])


def test_one_picture_is_the_servers_bytes(
    server: RunningServer, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "out.png"
    result = generate(server, "--seed", "7", "--style", "great_wave", "-o", str(path))
    assert result.exit_code == 0, result.output
    assert result.output == f"{path}: seed 7, 256x256\n"
    assert path.read_bytes() == client.generate(seed=7, style="great_wave")[0].data


def test_several_pictures_make_a_grid(
    server: RunningServer, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "sheet.png"
    result = generate(server, "--seed", "1", "--count", "5", "-o", str(path))
    assert result.output == f"{path}: seeds 1 to 5\n"
    with Image.open(path) as sheet:
        assert sheet.size == (3 * 256, 2 * 256)
        fifth = sheet.crop((256, 256, 512, 512)).tobytes()
    assert fifth == client.generate(seed=5)[0].image().tobytes()


@pytest.mark.parametrize(("suffix", "flags"), [("png", []), ("rgb", ["--format", "raw"])])
def test_several_pictures_fill_a_folder(
    server: RunningServer, tmp_path: Path, suffix: str, flags: list[str]
) -> None:
    folder = tmp_path / "pictures"
    result = generate(server, "--seed", "1", "--count", "3", "-o", f"{folder}/", *flags)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in folder.iterdir()) == [f"{n}.{suffix}" for n in (1, 2, 3)]


def test_raw_pictures_do_not_make_a_grid(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "sheet.rgb"
    result = generate(server, "--count", "3", "--format", "raw", "-o", str(path))
    assert result.exit_code == 2
    assert "give a folder" in result.output
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.jpg", "pictures are PNG files; give a name that ends in .png"),
        ("out", "pictures are PNG files; give a name that ends in .png"),
        ("missing/out.png", "there is no folder "),
    ],
)
def test_outputs_that_cannot_be_written_are_refused_first(
    tmp_path: Path, name: str, message: str
) -> None:
    result = CliRunner().invoke(
        main, ["generate", "--target", "127.0.0.1:1", "-o", str(tmp_path / name)]
    )
    assert result.exit_code == 2
    assert message in result.output


def test_the_servers_words_reach_the_terminal(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    result = generate(server, "--style", "mona_lisa", "-o", str(path))
    assert result.exit_code == 1
    assert "Error: INVALID_ARGUMENT: style: expected one of great_wave, " in result.output
    assert not path.exists()


def test_the_target_can_come_from_the_environment(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    result = CliRunner().invoke(
        main, ["generate", "-o", str(path)], env={"IMPASTO_TARGET": server.target}
    )
    assert result.exit_code == 0, result.output
    assert path.exists()
