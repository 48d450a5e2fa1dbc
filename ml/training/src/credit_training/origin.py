"""Where a model came from: the commit of the code, and the versions of the libraries that shape it.

Knows git and installed packages only.
"""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("numpy", "onnx", "onnxruntime", "onnxscript", "pydantic", "scikit-learn", "torch")
UNKNOWN = "unknown"


def commit() -> str:
    """The checkout's commit, with `-dirty` when tracked files differ from it.

    CREDIT_COMMIT says it where there is no checkout, as in an image; else `unknown`.
    """
    if named := os.environ.get("CREDIT_COMMIT"):
        return named
    described = [
        "git",
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ]
    try:
        found = subprocess.run(described, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return found.stdout.strip() or UNKNOWN


def libraries() -> dict[str, str]:
    """Version by library."""
    return {name: version(name) for name in LIBRARIES}
