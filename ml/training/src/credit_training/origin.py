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
SHAPE_NO_MODEL = (":(top,exclude)docs", ":(top,exclude)*.md")
"""What a refresh of the cards writes, so that each of its figures can name the commit that all of them come from."""


def commit() -> str:
    """The checkout's commit, with `-dirty` when tracked files differ from it, documents and their figures apart.

    CREDIT_COMMIT says it where there is no checkout, as in an image; else `unknown`.
    """
    if named := os.environ.get("CREDIT_COMMIT"):
        return named
    try:
        head = _git("rev-parse", "HEAD")
        return f"{head}-dirty" if _git("diff", "--name-only", "HEAD", "--", ":/", *SHAPE_NO_MODEL) else head
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN


def _git(*arguments: str) -> str:
    asked = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def libraries() -> dict[str, str]:
    """Version by library."""
    return {name: version(name) for name in LIBRARIES}
