"""The settings file: the same names, in the same order, as the Helm value `config:`; any key by `key=value` too.

Unknown keys are refused at every level, naming the nearest. Environment variables hold secrets only:
SCORING_API_KEYS (see `access`) and JOURNAL_URL. Nothing here is read at import.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scoring_api.errors import SettingsError

Positive = Annotated[int, Field(gt=0, strict=True)]
Seconds = Annotated[float, Field(gt=0, strict=True)]


class Section(BaseModel):
    """Base of all sections."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(Section):
    """What one request, one key and all requests together may take."""

    max_body_bytes: Positive = 4_194_304
    """Larger bodies get 413."""
    max_file_bytes: Positive = 16_777_216
    """The same for CSV and Parquet files uploaded to /predict."""
    max_applicants: Positive = 1_000
    """Applicants in one JSON request."""
    max_file_applicants: Positive = 20_000
    """Applicants in one uploaded file."""
    max_connections: Positive = 1_000
    """Open connections, and with them requests that are still arriving; more get 503."""
    max_in_flight: Positive = 256
    """Requests being answered; more get 503."""
    max_waiting_bytes: Positive = 67_108_864
    """Bodies of all requests under way together, beside small ones; more get 503."""
    request_timeout_s: Seconds = 10.0
    """A request that has not arrived whole by then gets 408; who takes nothing of an answer for so long is left."""
    requests_per_minute: Annotated[int, Field(ge=0, strict=True)] = 0
    """Per key in each process, so as often as there are pods; 429 above; 0 is no limit."""


class JournalSettings(Section):
    """Where decisions are kept; the database is JOURNAL_URL, a secret, else the SQLite file named here."""

    keep: bool = True
    """False keeps nothing: measurements and demonstrations only."""
    file: Path = Path("var/journal.sqlite")
    volume: Path | None = None
    """Folder that outlives process and database, for the spool and chain heads; without one, no database is 503."""
    spool_limit_bytes: Positive = 268_435_456
    patience_s: Annotated[float, Field(ge=0, strict=True)] = 0.0
    """After SIGTERM: seconds to wait for a database that is away while the spool holds decisions."""


class Shadow(Section):
    """A challenger that scores the same applicants off the request path and is never answered."""

    bundle: Path | None = None
    """Directory of its bundle; verified like the one that is served, and none by default."""


class Settings(Section):
    """Everything that may differ between environments."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, strict=True)] = 8000
    """0 takes a free port."""
    bundle: Path = Path("bundle")
    """Directory of the bundle to serve."""
    tag: str = "untagged"
    """The name that the release gave to the bundle; shown in answers, never used to find it."""
    model_digest: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """The only model that may be served, by its whole digest; empty takes whichever the bundle holds."""
    image_digest: str = ""
    """Digest of the container image that this process runs in, for the decision record."""
    auth: Literal["keys", "none"] = "keys"
    """`none` opens every route: demonstrations only."""
    keys_file: Path | None = None
    """File of hashed API keys, where SCORING_API_KEYS is not set; read again when it changes."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    traces_endpoint: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    """Base URL of an OpenTelemetry collector (OTLP over HTTP), such as http://collector:4318; empty sends nothing."""
    drain_s: Annotated[float, Field(ge=0, strict=True)] = 0.0
    """After SIGTERM: seconds of answering while no longer ready, so that load balancers notice."""
    stop_timeout_s: Positive = 20
    """After that: seconds for requests under way."""
    limits: Limits = Limits()
    journal: JournalSettings = JournalSettings()
    shadow: Shadow = Shadow()


def load(file: Path | None, overrides: Sequence[str]) -> Settings:
    """Settings from a YAML file, then `key=value` overrides with dotted keys and YAML values.

    Raises:
        SettingsError: an unreadable file, an unknown key (names the nearest), a value that does not fit.
    """
    tree = _from_file(file) if file is not None else {}
    where = str(file)
    _refuse_unknown(tree, where)
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise SettingsError(f"{override!r} is no setting; write key=value, such as port=8080")
        _place(tree, key, _scalar(override, text))
    _refuse_unknown(tree, "command line")
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise SettingsError(f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every setting's dotted key, in order."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
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
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise SettingsError(f"settings file {file}: must be a mapping of settings")
    return tree


def _scalar(override: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise SettingsError(f"{override!r}: the value is not YAML") from None


def _place(tree: dict[str, Any], key: str, value: Any) -> None:
    *sections, name = key.split(".")
    for section in sections:
        inner = tree.setdefault(section, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"setting {key}: {section} is no section")
        tree = inner
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
