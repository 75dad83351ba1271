from pathlib import Path

import pytest
from synthetic_data import write_synthetic_data
from training_runs import SMALL_STYLE, train


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of small prepared data."""
    return write_synthetic_data(tmp_path_factory.mktemp("data")).root


@pytest.fixture(scope="session")
def style_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a small stylizer, trained for a few steps."""
    folder = tmp_path_factory.mktemp("runs") / "style"
    status, output = train("training.style", folder, data, SMALL_STYLE)
    assert status == 0, output
    return folder
