"""Resolves requirements into locks: exact versions everywhere, and a hash for every file that may go into an image.

Images of our own packages take the versions of the root's lock, which are the ones that tests ran on. Asks the package
index that uv is configured for, and writes no address of it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from credit_delivery.programs import run

TESTED = Path("requirements.lock")
UNHASHED = (TESTED, Path("infra/pulumi/requirements.lock"))
IMAGES = {
    Path("ml/training/requirements.lock"): "pyproject.toml",
    Path("services/drift-monitor/requirements.lock"): "pyproject.toml",
    Path("services/scoring-api/requirements.lock"): "pyproject.toml",
    Path("services/tracking/requirements.lock"): "requirements.in",
    Path("services/build.lock"): "build.in",
}
"""Locks that images are installed from, and what each resolves, in the same folder."""

LEFT_OUT = ("credit-contract", "credit-simulator", "triton")
"""Our own are built inside an image; triton, 0.7 GB, serves torch.compile alone, which is not called."""

COMPILE = ("uv", "pip", "compile", "--quiet", "--no-annotate", "--no-header", "--no-emit-index-url")


def resolve(root: Path) -> list[Path]:
    """Write every lock anew; versions that still fit stay. Gives their paths.

    Raises:
        CommandFailedError: uv found no versions that fit together, or no index.
    """
    for lock in UNHASHED:
        _compile(root / lock.parent, "requirements.in", lock.name, "--universal", "--python-version", "3.11")
    with tempfile.TemporaryDirectory(prefix="credit-lock-") as folder:
        tested = Path(folder) / "tested.txt"
        pins = [line for line in (root / TESTED).read_text(encoding="utf-8").splitlines() if not line.startswith("-e ")]
        tested.write_text("\n".join(pins), encoding="utf-8")
        for lock, source in IMAGES.items():
            for_images = ["--generate-hashes", "--python-platform", "linux", "--python-version", "3.11"]
            if source == "pyproject.toml":
                for_images += ["--constraints", str(tested), *(f"--no-emit-package={name}" for name in LEFT_OUT)]
            _compile(root / lock.parent, source, lock.name, *for_images)
    return [*UNHASHED, *IMAGES]


def _compile(folder: Path, source: str, lock: str, *how: str) -> None:
    run([*COMPILE, *how, source, "--output-file", lock], folder=folder)
