"""A dataset version, from its source to the portfolio that models are fitted on.

raw bytes → text → recipe → typed table with split (kept as Parquet under `data/processed`) → portfolio.
Does not know where sources are (`source`) nor what a recipe's steps do (`recipe`).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyarrow import ArrowException

from credit_contract.bundle import DatasetVersion
from credit_contract.digest import sha256_json
from credit_training.dataset import Column, DatasetSpec, load_dataset
from credit_training.errors import DatasetError
from credit_training.files import home, write_whole
from credit_training.portfolio import Portfolio
from credit_training.source import Raw, obtain
from credit_training.table import encode_table
from credit_training.typed import GROUP, HOLDOUT, TARGET, TIME, WEIGHT, typed_table

MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A dataset version as a typed table: every field, leaks too, then target, weight, time, group and hold-out.

    Numbers are float64 with NaN, categories text with None. `path` is the Parquet file that keeps it.
    """

    spec: DatasetSpec
    version: str
    frame: pd.DataFrame
    sha256: str
    holdout_sha256: str
    path: Path

    @property
    def dataset(self) -> DatasetVersion:
        """What names it in bundles, runs and cards."""
        return DatasetVersion(
            name=self.spec.name, version=self.version, sha256=self.sha256, holdout_sha256=self.holdout_sha256
        )

    @property
    def summary(self) -> str:
        """One line for people."""
        target, held = self.frame[TARGET], self.frame[HOLDOUT]
        return (
            f"{self.spec.name} {self.version}: {len(target):,} rows, {target.mean():.2%} bad, hold-out "
            f"{int(held.sum()):,} rows with {target[held].mean():.2%} bad, sha256 {self.sha256[:12]}, {self.path}"
        )

    def portfolio(self, protected_used: bool = False, kept_leaks: Collection[str] = ()) -> Portfolio:
        """What a model may see of it."""
        schema = self.spec.feature_schema(self.version, protected_used, kept_leaks)
        protected = [column for column in self.spec.columns(self.version) if column.role == "protected"]
        return Portfolio(
            schema=schema,
            encoded=encode_table(schema, self.frame),
            target=self.frame[TARGET].to_numpy(dtype=np.int8),
            weight=self.frame[WEIGHT].to_numpy(dtype=np.float64),
            group=self.frame[GROUP].to_numpy(dtype=np.int64),
            holdout=self.frame[HOLDOUT].to_numpy(dtype=np.bool_),
            protected={column.name: groups_of(column, self.frame[column.name]) for column in protected},
            sha256=self.sha256,
            time=self.frame[TIME].to_numpy(dtype="datetime64[D]") if TIME in self.frame else None,
        )


def prepare(
    spec: DatasetSpec,
    version: str,
    home: Path,
    protected_used: bool = False,
    kept_leaks: Collection[str] = (),
) -> Portfolio:
    """The portfolio of a dataset version, fetched and cleaned if it is not yet there.

    Raises:
        TrainingError: one line about what is wrong with the dataset, its source, its rows or the home folder.
    """
    return prepared(spec, version, home).portfolio(protected_used, kept_leaks)


def prepared(spec: DatasetSpec, version: str, home: Path, raw: Raw | None = None) -> Prepared:
    """The typed table of a dataset version, from Parquet if the same source and recipe made it before.

    Give `raw` to make several versions of one answer of a source that may answer otherwise the next time.
    """
    columns = spec.columns(version)
    raw = raw or obtain(spec, home)
    identity = {
        "dataset": spec.name,
        "version": version,
        "recipe": [step.model_dump(mode="json") for step in spec.versions[version].recipe],
        "split": spec.split.model_dump(mode="json"),
    }
    described = spec.model_dump(mode="json", include={"source", "target", "weight", "time", "other_columns"})
    fields = [column.model_dump(mode="json", exclude={"reason", "meaning"}) for column in columns]
    key = sha256_json([identity, described, fields, raw.sha256])[:12]
    path = home / "data" / "processed" / f"{spec.name}-{version}-{key}.parquet"
    frame = _kept(path)
    if frame is None:
        frame = typed_table(spec, version, raw)
        frame.attrs["sha256"] = table_sha256(frame)
        write_whole(path, _parquet(frame))
    holdout_sha256 = table_sha256(frame[frame[HOLDOUT]])
    _check_holdout(spec, version, holdout_sha256)
    sha256 = sha256_json(identity | {"table": frame.attrs["sha256"], "holdout": holdout_sha256})
    return Prepared(spec, version, frame, sha256, holdout_sha256, path)


def fetch_and_prepare(name: str, versions: Iterable[str] = ()) -> list[Prepared]:
    """The `data` command: these versions of a dataset, by default all, of one answer of its source."""
    spec = load_dataset(name)
    raw = obtain(spec, home())
    return [prepared(spec, version, home(), raw) for version in tuple(versions) or tuple(spec.versions)]


def table_sha256(frame: pd.DataFrame) -> str:
    """Hash of a typed table's content, column by column; the same under every library version."""
    digest = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        digest.update(f"\n{name}\n".encode())
        if pd.api.types.is_numeric_dtype(column):
            digest.update(column.to_numpy(dtype="<f8").tobytes())
        elif pd.api.types.is_datetime64_any_dtype(column):
            digest.update(column.to_numpy(dtype="datetime64[D]").astype("<i8").tobytes())
        else:
            digest.update("\x1f".join(column.fillna("").to_numpy(dtype=object)).encode())
    return digest.hexdigest()


def groups_of(column: Column, values: pd.Series[str]) -> npt.NDArray[np.str_]:
    """A protected field as the groups that are monitored: labels of categories, bands of numbers."""
    if column.kind == "category":
        named = values.map(lambda value: column.labels.get(value, value), na_action="ignore")
        return np.asarray(named.fillna(MISSING), dtype=np.str_)
    edges = [column.minimum or 0.0, *column.bands]
    names = [*(f"{low:g}–{high - 1:g}" for low, high in pairwise(edges)), f"{edges[-1]:g} and over", MISSING]
    number = values.to_numpy(dtype=np.float64)
    band = np.where(np.isnan(number), len(names) - 1, np.digitize(number, column.bands))
    return np.array(names, dtype=np.str_)[band]


def _parquet(frame: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    frame.to_parquet(stream, index=False)
    return stream.getvalue()


def _kept(path: Path) -> pd.DataFrame | None:
    """The table kept there, unless its content does not match the hash kept with it."""
    try:
        frame = pd.read_parquet(path)
    except (OSError, ArrowException):
        return None
    return frame if frame.attrs.get("sha256") == table_sha256(frame) else None


def _check_holdout(spec: DatasetSpec, version: str, sha256: str) -> None:
    expected = spec.versions[version].holdout_sha256
    if expected is not None and expected != sha256:
        raise DatasetError(
            f"dataset {spec.name} {version}: the rebuilt hold-out has sha256 {sha256[:12]}…, "
            f"expected {expected[:12]}…; the source, a recipe or the split changed: make a new version, or"
            " update versions.holdout_sha256"
        )
