"""The settings file: the same names, in the same order, as the Helm value `config:`; any key by `key=value` too.

Unknown keys are refused at every level, naming the nearest. Environment variables hold secrets only: JOURNAL_URL,
GITHUB_TOKEN.
Nothing here is read at import.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from credit_contract.schema import Frozen
from drift_monitor.errors import SettingsError
from drift_monitor.limits import Limits
from drift_monitor.windows import Calendar

Days = Annotated[int, Field(ge=0, le=36_525)]
"""Up to a century: dates before and after must exist."""


class Files(Frozen):
    """A history in Parquet or CSV, each a file or a folder of files, instead of the journal's database."""

    decisions: Path | None = None
    outcomes: Path | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.outcomes is not None and self.decisions is None:
            raise ValueError("files.outcomes needs files.decisions: a journal has outcomes of its own")
        return self


class Windows(Frozen):
    """How decisions are cut into windows."""

    every: Calendar = "day"
    """Calendar periods in UTC."""
    decisions: Annotated[int, Field(gt=0, le=1_000_000_000)] | None = None
    """Cut by this many decisions instead of by calendar; at least `limits.smallest_window`."""


class Performance(Frozen):
    """When an outcome counts."""

    days: Days = 365
    """From a decision until its outcome is complete and booked; 0 where it is known at once.

    Count in how late the latest are booked: what comes after the window in which it was due is judged by no later one.
    """
    pooled_windows: Annotated[int, Field(gt=0, le=100)] = 1
    """Windows of a model, this one and those before it, whose vintages are judged together where one alone is small."""


class Reports(Frozen):
    """Where reports go and how long they stay."""

    folder: str = "var/drift"
    """A folder, or a URL such as s3://bucket/prefix."""
    keep_days: Annotated[Days, Field(gt=0)] = 1_100
    """Reports of windows that began longer than this before the newest one with decisions ended expire."""
    sample: Annotated[int, Field(ge=0)] = 5_000
    """Decisions in the Evidently report of a window, 0 for no report; the verdict itself is on every decision."""
    seed: int = 0


class Retraining(Frozen):
    """What a verdict `retrain` starts."""

    by: Literal["nothing", "dry_run", "kubernetes", "process", "github"] = "dry_run"
    """`dry_run` writes into the ledger what would be started; `nothing` keeps no ledger either."""
    cool_down_hours: Annotated[float, Field(ge=0, le=87_600)] = 168.0
    """After a run was started, no other one for so long, whatever the cause."""
    cron_job: str = "drift-monitor-retrain"
    """kubernetes: the suspended CronJob whose template becomes a Job."""
    command: Annotated[tuple[str, ...], Field(min_length=1)] = ("credit-train", "run", "dataset=journal")
    """process: what is run, and waited for."""
    repository: str = ""
    """github: owner/name of the repository that gets the event `retrain`; GITHUB_TOKEN is its secret."""
    github_api: str = "https://api.github.com"

    @model_validator(mode="after")
    def _addressed(self) -> Self:
        if self.by == "github" and "/" not in self.repository:
            raise ValueError("by github needs repository: owner/name")
        return self


class Settings(Frozen):
    """Everything that may differ between environments."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8090
    """0 takes a free port."""
    bundles: Annotated[tuple[Path, ...], Field(min_length=1)] = (Path("bundle"),)
    """Bundle directories of one portfolio: of the model that decides now, and of earlier ones that are still judged."""
    files: Files = Files()
    interval_minutes: Annotated[int, Field(gt=0, le=44_640)] = 60
    """Between two runs of the long-lived process."""
    windows: Windows = Windows()
    performance: Performance = Performance()
    limits: Limits = Limits()
    verdict_table: Path | None = None
    """Evidence → verdict; the table that comes with the monitor where none is named."""
    reports: Reports = Reports()
    retraining: Retraining = Retraining()

    @model_validator(mode="after")
    def _windows_are_judged(self) -> Self:
        size, smallest = self.windows.decisions, self.limits.smallest_window
        if size is not None and size < smallest:
            raise ValueError(f"windows.decisions: drift is judged from limits.smallest_window, {smallest}, on")
        return self


def load(file: Path | None, overrides: Sequence[str]) -> Settings:
    """Settings from a YAML file, then `key=value` overrides with dotted keys and YAML values.

    Raises:
        SettingsError: an unreadable file, an unknown key (names the nearest), a value that does not fit.
    """
    tree = _from_file(file) if file is not None else {}
    _refuse_unknown(tree, str(file))
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise SettingsError(f"{override!r} is no setting; write key=value, such as port=8090")
        _place(tree, key, _scalar(override, text))
    _refuse_unknown(tree, "command line")
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        said = [".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")]
        raise SettingsError(f"setting {': '.join(filter(None, said))}") from None


def journal_address(journal_url: str | None) -> SplitResult:
    """A journal's address, its scheme `postgresql` or `sqlite`; it may hold a password and is never repeated.

    Raises:
        SettingsError: none, or one of another form.
    """
    if journal_url is None:
        raise SettingsError("set JOURNAL_URL, or files.decisions: there is nothing to read decisions from")
    try:
        url = urlsplit(journal_url)
        scheme, valid = url.scheme.partition("+")[0], url.port != 0
    except ValueError:
        valid = False
    if valid and scheme in ("postgresql", "postgres"):
        return url._replace(scheme="postgresql")
    if valid and scheme == "sqlite" and url.path.removeprefix("/"):
        return url._replace(scheme="sqlite")
    raise SettingsError("JOURNAL_URL must be postgresql://user:password@host/database or sqlite:///file")


def keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every setting's dotted key, in order."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


def _from_file(file: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"settings file {file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {file}: is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(tree, dict | None):
        raise SettingsError(f"settings file {file}: must be a mapping of settings")
    return tree or {}


def _scalar(override: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise SettingsError(f"{override!r}: the value is not YAML") from None


def _place(tree: dict[str, Any], key: str, value: Any) -> None:
    *sections, name = key.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise SettingsError(f"setting {key}: {section} is no section")
    tree[name] = value


def _refuse_unknown(tree: Mapping[str, Any], where: str) -> None:
    known = list(keys())
    for key in _flat(tree):
        if key not in known and not any(name.startswith(f"{key}.") for name in known):
            nearest = difflib.get_close_matches(key, known, n=1, cutoff=0)[0]
            raise SettingsError(f"{where}: unknown setting {key}; did you mean {nearest}?")


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
