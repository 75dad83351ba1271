"""The command `impasto` against the real server."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from impasto import Client
from impasto.cli import main
from PIL import Image
from running_server import RunningServer


def run(server: RunningServer, command: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, [command, "--target", server.target, *arguments])


def generate(server: RunningServer, *arguments: str) -> Result:
    return run(server, "generate", *arguments)


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
        ("out.gif", "give a name that ends in .jpeg, .jpg, .png, .rgb, .webp, or a folder"),
        ("out", "give a name that ends in .jpeg, .jpg, .png, .rgb, .webp, or a folder"),
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


@pytest.mark.parametrize(("suffix", "wanted"), [("jpg", "JPEG"), ("webp", "WEBP")])
def test_the_files_name_says_the_format(
    server: RunningServer, tmp_path: Path, suffix: str, wanted: str
) -> None:
    path = tmp_path / f"out.{suffix}"
    assert generate(server, "--seed", "7", "-o", str(path)).exit_code == 0
    with Image.open(path) as image:
        assert image.format == wanted


def test_styles_are_mixed(server: RunningServer, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    mix = ["--style", "spring=3", "--style", "poppies"]
    assert generate(server, "--seed", "7", *mix, "-o", str(path)).exit_code == 0
    (wanted,) = client.generate(seed=7, style={"spring": 3.0, "poppies": 1.0})
    assert path.read_bytes() == wanted.data


def test_candidates_and_classes_are_told(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    flags = ["--model", "fashion", "--label", "Bag", "--candidates", "2", "--seed", "4"]
    result = generate(server, *flags, "-o", str(path))
    assert result.exit_code == 0, result.output
    assert ", Bag, 256x256, score " in result.output


def test_a_file_is_painted_and_can_be_the_style(server: RunningServer, tmp_path: Path) -> None:
    photo, painted = tmp_path / "photo.png", tmp_path / "painted.jpg"
    assert generate(server, "--seed", "7", "-o", str(photo)).exit_code == 0
    result = run(server, "stylize", str(photo), "--style", "ejiri", "-o", str(painted))
    assert result.output == f"{painted}: 256x256\n"
    flags = ["--style", str(painted), "--max-side", "64"]
    result = run(server, "stylize", str(photo), *flags, "-o", f"{tmp_path}/more/")
    assert result.output == f"{tmp_path}/more/photo.png: 64x64\n"


def test_a_walk_is_an_animation_or_frames(server: RunningServer, tmp_path: Path) -> None:
    walk = tmp_path / "walk.webp"
    result = run(server, "interpolate", "7", "8", "--frames", "3", "-o", str(walk))
    assert result.output == f"{walk}: 3 frames, 256x256\n"
    with Image.open(walk) as animation:
        assert animation.n_frames == 3
    flags = ["--frames", "2", "--start-style", "spring", "-o", f"{tmp_path}/frames/"]
    result = run(server, "interpolate", "7", "8", *flags)
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == ["0000.png", "0001.png"]


def test_models_and_styles_are_listed(server: RunningServer) -> None:
    models = run(server, "models").output.splitlines()
    assert models[0] == "landscapes\tdefault, version 1, 256x256"
    assert models[1].startswith("fashion\tversion 1, 256x256, classes: T-shirt/top, Trouser")
    styles = run(server, "styles").output.splitlines()
    assert len(styles) == 14
    assert styles[0].startswith("great_wave\t")
