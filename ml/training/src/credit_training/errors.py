"""Every error that training raises; each is one line that says what, where and what to do."""

from __future__ import annotations

from pathlib import Path

ROOM = "free space or choose another folder with CREDIT_HOME"
"""What to do where something generated finds no place."""


class TrainingError(Exception):
    """Base of all; commands print it as one line and exit non-zero."""


class DatasetError(TrainingError):
    """A dataset's YAML that contradicts itself, or no dataset of that name."""


class SourceError(TrainingError):
    """A source that cannot be read, or is not what was published."""


class TableError(TrainingError):
    """Rows that the dataset's description refuses."""

    def __init__(self, table: str, what: str, column: str | None = None, row: int | None = None) -> None:
        where = [table] + [f"column {column}"] * (column is not None) + [f"row {row}"] * (row is not None)
        super().__init__(f"{', '.join(where)}: {what}")


class OutputError(TrainingError):
    """A file that cannot be written: full disk, read-only folder, a file where a folder belongs."""

    def __init__(self, path: Path, cause: OSError, advice: str = "choose another folder with CREDIT_HOME") -> None:
        why = cause.strerror or str(cause)
        super().__init__(f"cannot write {path}: {why}; free space or {advice}")


class StateError(TrainingError):
    """A state that is not that of the bundle's network."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}; name the model.pt that the bundle was exported from")


class FitError(TrainingError):
    """Rows that a model cannot be fitted on."""


class RegistryError(TrainingError):
    """A tracking store that cannot be used, or a model that must not enter it."""


class SearchError(TrainingError):
    """A study that cannot be continued."""


class CardError(TrainingError):
    """A card whose markers or figures are missing."""


class ConfigError(TrainingError):
    """A key or a value of the configuration that nobody knows."""


class ServingError(TrainingError):
    """A scoring API that does not start, or refuses what it was asked."""
