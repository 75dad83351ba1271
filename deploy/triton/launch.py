"""Starts the Triton that came with pip, with a stand-in for its native ONNX Runtime backend.

Run by the Python of Triton's own environment. Options go to tritonserver, whose process this one
becomes: signals and the exit status are Triton's own. Without --model-repository it serves the
repository's.
"""

import os
import shutil
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent / "model_repository"
PACKAGES = Path(sysconfig.get_path("purelib"))
TRITON = PACKAGES / "pytriton/tritonserver"
BACKENDS = Path(sys.prefix) / "triton-backends"
PATIENCE_SECONDS = 120
# Triton's own default, 0.0.0.0, offers model control to the whole network.
DEFAULTS = {
    "--model-repository": str(REPOSITORY),
    "--http-address": "127.0.0.1",
    "--grpc-address": "127.0.0.1",
    "--metrics-address": "127.0.0.1",
    "--http-port": "8000",
    "--grpc-port": "8001",
}


def options(arguments: list[str]) -> list[str]:
    """Triton's options: the given ones, each as --name=value, and the defaults for the rest."""
    if wrong := [item for item in arguments if not item.startswith("--")]:
        sys.exit(f"launch.py: expected options of the form --name=value, got {wrong}")
    given = {item.partition("=")[0] for item in arguments}
    rest = [f"{name}={value}" for name, value in DEFAULTS.items() if name not in given]
    return [*rest, *arguments, f"--backend-directory={BACKENDS}"]


def install_backends() -> None:
    """Put the Python backend and the stand-in where this Triton looks for backends.

    Copies, because Triton refuses a library behind a link that leaves its folder; but a link to the
    stub, because that finds its own libraries beside the place that it really lies in.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = TRITON / "python_backend_stubs" / python / "triton_python_backend_stub"
    if not stub.exists():
        sys.exit(f"launch.py: this Triton has no stub for Python {python}; use 3.8 to 3.13")
    made = BACKENDS.with_name(f"{BACKENDS.name}.{os.getpid()}")
    shutil.copytree(TRITON / "backends/python", made / "python")
    (made / "python" / stub.name).symlink_to(stub)
    (made / "onnxruntime").symlink_to(HERE / "backends/onnxruntime")
    try:
        made.rename(BACKENDS)
    except OSError:
        # They are there already, or another start was faster.
        shutil.rmtree(made)


def environment() -> dict[str, str]:
    """Triton's variables: the backend finds this Python environment by PATH, its stub libpython."""
    path = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    libraries = [sysconfig.get_config_var("LIBDIR"), os.environ.get("LD_LIBRARY_PATH")]
    return os.environ | {"PATH": path, "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries))}


def announce(url: str, server: int) -> None:
    """Say when the server with this process id is ready, for as long as it lives."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and os.getppid() == server:
        try:
            with urllib.request.urlopen(url, timeout=5):
                print(f"ready: {url}", flush=True)  # noqa: T201
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)


def main() -> None:
    """Become Triton."""
    install_backends()
    command = [str(TRITON / "bin/tritonserver"), *options(sys.argv[1:])]
    values = dict(item.partition("=")[::2] for item in command[1:])
    url = f"http://{values['--http-address']}:{values['--http-port']}/v2/health/ready"
    server = os.getpid()
    if os.fork() == 0:
        announce(url, server)
        os._exit(0)
    os.execve(command[0], command, environment())


if __name__ == "__main__":
    main()
