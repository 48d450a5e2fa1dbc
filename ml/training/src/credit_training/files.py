"""Where generated files go and how they are written: aside first, then renamed, so that none is ever half there.

Does not know what is in them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from credit_training.errors import OutputError


def home() -> Path:
    """The folder of everything that training generates: CREDIT_HOME, or `var` where the command runs."""
    return Path(os.environ.get("CREDIT_HOME") or "var")


def write_whole(path: Path, content: bytes, advice: str = "choose another folder with CREDIT_HOME") -> Path:
    """Write a file completely or not at all; `advice` says what to change where it cannot be written.

    Raises:
        OutputError: the folder or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise OutputError(path, error, advice) from error
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.chmod(0o644)
        return aside.replace(path)
    except OSError as error:
        raise OutputError(path, error, advice) from error
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for as long as it is needed, where TMPDIR says.

    Raises:
        OutputError: it, or what is done with it, has no room.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    except OSError as error:
        where = Path(error.filename or tempfile.tempdir or "a temporary file")
        raise OutputError(where, error, "choose another folder with TMPDIR") from error


def folder_bytes(folder: Path) -> int:
    """Size of the files that lie directly in a folder, such as a bundle's."""
    return sum(file.stat().st_size for file in folder.iterdir())
