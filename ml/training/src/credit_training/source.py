"""A dataset's published table as bytes, from wherever its YAML says, checked against its checksum.

Files are looked for below CREDIT_DATA_DIR first, plain or .gz. Everything else is asked for each time, unless the YAML
has its `sha256`: then it is kept under `data/raw` in the home folder. Does not read what is in the table.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from credit_contract.digest import sha256_bytes, sha256_json
from credit_simulator import Scenario, simulate, write_csv
from credit_simulator.errors import ScenarioError
from credit_training.database import reading_engine
from credit_training.dataset import DatasetSpec
from credit_training.download import CONVERTERS, download, member, records
from credit_training.errors import SourceError
from credit_training.files import temporary_folder, write_whole
from credit_training.journal import decided
from credit_training.source_spec import FileSource, HttpSource, JournalSource, SimulatorSource, Source, SqlSource


@dataclass(frozen=True, slots=True)
class Raw:
    """A table as published: its bytes, their hash, and where they came from, for errors and cards."""

    content: bytes
    sha256: str
    origin: str


def obtain(spec: DatasetSpec, home: Path) -> Raw:
    """The dataset's table, fetched if it is not at hand.

    Raises:
        SourceError: not found, not reachable, or not what was published.
        OutputError: what was fetched cannot be kept.
    """
    source = spec.source
    given = _given(source) if isinstance(source, FileSource) else None
    # What the journal must forget must not be remembered here.
    if given is None and (source.sha256 is None or isinstance(source, JournalSource)):
        content = _fetched(spec)
        return Raw(content, sha256_bytes(content), _origin(source))
    kept = home / "data" / "raw" / f"{spec.name}-{sha256_json(source.model_dump(mode='json'))[:12]}.csv"
    path = given or kept
    if not path.is_file():
        content = _fetched(spec)
        _check(content, source.sha256, f"the table fetched for {spec.name}")
        write_whole(kept, content)
    content = _read(path)
    _check(content, source.sha256, str(path), "delete it and fetch it again")
    return Raw(content, sha256_bytes(content), path.name.removesuffix(".gz") if given else _origin(source))


def _origin(source: Source) -> str:
    """Where a fetched table came from; a database by its address without password."""
    match source:
        case FileSource():
            return source.url or source.path
        case HttpSource():
            return source.url
        case SqlSource():
            return f"query on {make_url(source.url).render_as_string()}"
        case JournalSource():
            return f"the journal up to {source.cut_off:%Y-%m-%d %H:%M:%S}"
        case SimulatorSource():
            return "the simulator's table"


def _given(source: FileSource) -> Path | None:
    """The file below CREDIT_DATA_DIR, if it is there."""
    folder = os.environ.get("CREDIT_DATA_DIR")
    candidates = [Path(folder, source.path), Path(folder, f"{source.path}.gz")] if folder else []
    return next((path for path in candidates if path.is_file()), None)


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"cannot read {path}: {error}; fetch the file again") from error


def _check(content: bytes, expected: str | None, what: str, mend: str = "fetch it again") -> None:
    if expected is not None and sha256_bytes(content) != expected:
        raise SourceError(
            f"{what} has sha256 {sha256_bytes(content)}, expected {expected[:12]}…; "
            f"{mend}, or describe the new table with its own checksum"
        )


def _fetched(spec: DatasetSpec) -> bytes:
    match spec.source:
        case FileSource() as source:
            return _published(source)
        case HttpSource() as source:
            page = None if source.page_parameter is None else (source.page_parameter, source.first_page)
            return _csv(records(source.url, source.parameters, source.records, page))
        case SqlSource() as source:
            return _queried(source)
        case JournalSource() as source:
            return _csv(decided(source, [field.name for field in spec.fields]))
        case SimulatorSource() as source:
            return _simulated(source)


def _published(source: FileSource) -> bytes:
    if source.url is None:
        folder = os.environ.get("CREDIT_DATA_DIR")
        where = f" below CREDIT_DATA_DIR, {Path(folder).absolute()}," if folder else ""
        raise SourceError(
            f"no file {source.path}{where} and no publisher to ask; set CREDIT_DATA_DIR to the folder that has it"
        )
    content = download(source.url)
    _check(content, source.publisher_sha256, source.url)
    content = member(content, source.members, source.url)
    return CONVERTERS[source.converter](content) if source.converter else content


def _queried(source: SqlSource) -> bytes:
    try:
        url = make_url(source.url)
        engine = reading_engine(url)
    except (ArgumentError, ImportError, ValueError) as error:
        raise SourceError(f"key source.url is no database address: {error}") from error
    try:
        with engine.connect() as connection:
            found = connection.execute(text(source.query))
            names = list(found.keys())
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise SourceError(f"key source.query names {', '.join(twice)} twice; rename or remove one of them")
            return _csv([dict(row) for row in found.mappings()])
    except SQLAlchemyError as error:
        why = str(error).partition("\n")[0]
        advice = "correct source.url or source.query"
        raise SourceError(f"query on {url.render_as_string()} failed: {why}; {advice}") from error
    finally:
        engine.dispose()


def _simulated(source: SimulatorSource) -> bytes:
    try:
        simulation = simulate(Scenario.parse(source.scenario))
    except ScenarioError as error:
        raise SourceError(f"key source.scenario: {error}") from error
    with temporary_folder() as folder:
        write_csv(simulation, folder / "simulation.csv")
        return (folder / "simulation.csv").read_bytes()


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as a table; its columns are all keys in the order in which they first come."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()
