"""The hold-out that champion and challenger are measured on: rebuilt from its source by `credit-train`, never stored.

Knows the form of credit_training.holdout's file. Does not import training, and does not know what is measured.
"""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_contract.applicant import Encoded, decode
from credit_contract.bundle import DatasetVersion
from credit_contract.schema import MISSING_CODE, FeatureSchema, Field
from credit_delivery.errors import EvidenceError, ToolsMissingError
from credit_delivery.programs import run

JOURNAL = "JOURNAL_URL"
Mask = npt.NDArray[np.bool_]
Rebuild = Callable[[DatasetVersion], "Holdout"]
"""Gives the hold-out of a dataset version."""


@dataclass(frozen=True, slots=True)
class Holdout:
    """n applicants with known outcomes.

    numbers: float64 [n] by field, NaN for missing. categories: text [n] by field, empty for missing.
    groups: text [n] by protected field. target: int8 [n], 1 = bad. weight: float64 [n].
    """

    dataset: DatasetVersion
    numbers: dict[str, npt.NDArray[np.float64]]
    categories: dict[str, npt.NDArray[np.str_]]
    groups: dict[str, npt.NDArray[np.str_]]
    target: npt.NDArray[np.int8]
    weight: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.target)

    def encode(self, schema: FeatureSchema) -> tuple[Encoded, Mask]:
        """The applicants as this schema's graph reads them, and which of them the schema takes: bool [n].

        Raises:
            EvidenceError: the schema scores a field that the dataset does not have.
        """
        taken = np.ones(len(self), dtype=np.bool_)
        numbers = np.empty((len(self), len(schema.number_fields)), dtype=np.float32)
        categories = np.empty((len(self), len(schema.category_fields)), dtype=np.int64)
        for column, field in enumerate(schema.number_fields):
            values = self._column(self.numbers, field)
            numbers[:, column] = values
            taken &= _number_taken(field, values)
        for column, field in enumerate(schema.category_fields):
            codes, known = _codes(field, self._column(self.categories, field))
            categories[:, column] = codes
            taken &= known
        return Encoded(numbers, categories), taken

    def people(self, schema: FeatureSchema) -> list[dict[str, Any]]:
        """The applicants as a client would send them, with the protected attributes that are known.

        Raises:
            EvidenceError: the schema does not take all of them.
        """
        encoded, taken = self.encode(schema)
        if not taken.all():
            raise EvidenceError(f"the bundle does not take {int((~taken).sum()):,} applicants of its own hold-out")
        people = decode(schema, encoded)
        for name, values in self._protected(schema):
            for person, value in zip(people, values, strict=True):
                person[name] = value
        return people

    def _protected(self, schema: FeatureSchema) -> Iterator[tuple[str, list[Any]]]:
        """Protected fields by name, each with a value by person; missing is None."""
        for field in schema.unscored_fields:
            if field.role == "protected" and field.kind == "category":
                named = {str(category): category for category in field.categories}
                yield field.name, [named.get(text) for text in self.categories[field.name].tolist()]
            elif field.role == "protected":
                yield field.name, [None if value != value else value for value in self.numbers[field.name].tolist()]

    def _column(self, columns: dict[str, npt.NDArray[Any]], field: Field) -> npt.NDArray[Any]:
        if field.name not in columns:
            raise EvidenceError(f"dataset {self.dataset.name} {self.dataset.version} has no {field.kind} {field.name}")
        return columns[field.name]


def source(root: Path, given: Path | None = None, *, afresh: bool = False) -> Rebuild:
    """`rebuild` in the checkout at `root`, or `read` of a file that was rebuilt before, elsewhere."""
    return lambda dataset: rebuild(dataset, root, afresh=afresh) if given is None else read(given, dataset)


def learned_from_journal(dataset: DatasetVersion) -> bool:
    """Whether a version is of a journal, which it takes to rebuild it."""
    return dataset.version.startswith("journal-")


def rebuild(
    dataset: DatasetVersion, root: Path, environment: Mapping[str, str] | None = None, *, afresh: bool = False
) -> Holdout:
    """The hold-out of a dataset version, by `credit-train holdout` in the checkout at `root`.

    `environment` is added to this process's own: where the journal is, of a version that was learned from it. `afresh`
    asks the source itself, whatever tables an earlier run kept.

    Raises:
        EvidenceError: it has not the hash that `dataset` says, or nobody said where the journal is.
        CommandFailedError: it cannot be rebuilt; credit-train says why.
        ToolsMissingError: credit-train is not installed.
    """
    told = os.environ | dict(environment or {})
    if learned_from_journal(dataset) and not told.get(JOURNAL):
        raise EvidenceError(
            f"{dataset.name} {dataset.version} was learned from the journal: set {JOURNAL} to it, as a role that may "
            "only read; docs/ci.md says how a pull request gets it"
        )
    program = trainer()
    with TemporaryDirectory(prefix="credit-holdout-") as folder:
        out = Path(folder, "holdout.npz")
        which = [f"dataset={dataset.name}", f"versions=[{dataset.version}]"]
        home = {"CREDIT_HOME": folder} if afresh else {}
        run([program, "holdout", *which, "--out", str(out)], environment={**(environment or {}), **home}, folder=root)
        return read(out, dataset)


def trainer() -> str:
    """The path of credit-train: beside this Python, else on PATH.

    Raises:
        ToolsMissingError: it is not installed.
    """
    beside = Path(sys.executable).with_name("credit-train")
    program = str(beside) if beside.exists() else shutil.which("credit-train")
    if program is None:
        raise ToolsMissingError("credit-train is missing, which rebuilds the hold-out: `make setup`, or give --holdout")
    return program


def read(path: Path, dataset: DatasetVersion) -> Holdout:
    """A hold-out that `credit-train holdout` wrote, if it is the one of this dataset version.

    Raises:
        EvidenceError: it cannot be read, or is another one.
    """
    try:
        with np.load(path) as arrays:
            content = {name: arrays[name] for name in arrays.files}
        hashes = {name: str(content.pop(name)) for name in ("sha256", "holdout_sha256")}
        names = {"name": str(content.pop("dataset")), "version": str(content.pop("version"))}
        target, weight = content.pop("target"), content.pop("weight")
    except (EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise EvidenceError(f"{path}: no hold-out: {error}; write it with `credit-train holdout`") from None
    found = DatasetVersion(**names, **hashes)
    if found.holdout_sha256 != dataset.holdout_sha256:
        raise EvidenceError(
            f"hold-out of {found.name} {found.version} has sha256 {found.holdout_sha256[:12]}, the release was made "
            f"for {dataset.name} {dataset.version} with {dataset.holdout_sha256[:12]}: source, recipe or split changed"
            + (", or the journal has forgotten applicants since; retrain" if learned_from_journal(found) else "")
        )
    numbers, categories, groups = (_of_kind(content, kind) for kind in ("number", "category", "group"))
    return Holdout(dataset, numbers, categories, groups, target, weight)


def _of_kind(content: dict[str, npt.NDArray[Any]], kind: str) -> dict[str, npt.NDArray[Any]]:
    prefix = f"{kind}:"
    return {name.removeprefix(prefix): values for name, values in content.items() if name.startswith(prefix)}


def _number_taken(field: Field, values: npt.NDArray[np.float64]) -> Mask:
    low, high = field.bounds
    missing = np.isnan(values)
    return np.where(missing, field.optional, (values >= low) & (values <= high))


def _codes(field: Field, values: npt.NDArray[np.str_]) -> tuple[npt.NDArray[np.int64], Mask]:
    """Codes of the graph, and whether each value is one that an applicant may have."""
    known = field.codes_by_text | ({"": MISSING_CODE} if field.optional else {})
    texts, index = np.unique(values, return_inverse=True)
    codes = np.array([known.get(str(text), MISSING_CODE) for text in texts], dtype=np.int64)
    taken = np.array([str(text) in known for text in texts], dtype=np.bool_)
    return codes[index], taken[index]
