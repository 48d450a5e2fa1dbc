"""The command `score`: a Parquet file of applicants becomes one of results, whatever its length, in constant memory.

For portfolios and back-tests: without reasons, and nothing is recorded, because nobody is told. Every applicant is
checked as strictly as in a request; a file with one that is refused gets no result at all.
"""

from __future__ import annotations

import glob
import tempfile
from collections import Counter
from pathlib import Path

import duckdb
import numpy as np

from credit_contract.applicant import Encoded
from credit_contract.errors import BundleError
from credit_contract.policy import DECISIONS
from scoring_api import model as models
from scoring_api.errors import InvalidApplicantError, InvalidRequestError, MalformedBodyError, SettingsError
from scoring_api.model import ServedModel
from scoring_api.parquet import SETTINGS, ParquetFile, literal
from scoring_api.progress import Progress

AT_ONCE = 1_024
"""Applicants in one run of the graph: enough to spread its fixed cost, few enough to stay in the core's own cache."""
LIMIT = "64MB"
"""Of memory for writing; results wait in files, because a table's own records grow with its rows."""
ROWS = 122_880
"""Of a row group: what one reading thread of the result gets."""
WORDS = 1_000
"""Different values that are worth a dictionary: scores have fewer, PDs more."""


def score_file(bundle: Path, source: Path, out: Path) -> str:
    """Write pd, score, decision and band of each applicant of `source`, in their order, to `out`; what to tell of it.

    Raises:
        SettingsError: no such bundle, or a file cannot be read or written.
        MalformedBodyError, InvalidRequestError: the file is refused, naming it and the column and row (from 0).
    """
    try:
        model = models.load(bundle, "")
    except BundleError as error:
        raise SettingsError(f"bundle {bundle}: {error}") from None
    if not source.is_file():
        raise SettingsError(f"{source}: there is no such file")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as aside:
            results = _scored(model, ParquetFile(source, model.bundle.schema), Path(aside))
            results.written().replace(out)
    except InvalidApplicantError as error:
        first = error.problems[0]
        told = f"{first.code}, expected {first.expected}"
        raise InvalidRequestError(f"{source}: column {first.field}, row {first.row}: {told}") from None
    except (MalformedBodyError, InvalidRequestError) as error:
        raise type(error)(f"{source}: {error}") from None
    except OSError as error:
        raise SettingsError(f"{out}: {error.strerror}") from None
    except duckdb.Error as error:
        raise SettingsError(f"{out}: cannot be written: {str(error).splitlines()[0]}") from None
    shares = ", ".join(f"{name} {count:,}" for name, count in results.decisions.items())
    return f"{len(results):,} applicants scored by model {model.bundle.digest[:12]}: {shares}; written to {out}"


def _scored(model: ServedModel, applicants: ParquetFile, folder: Path) -> Results:
    if not applicants.applicants:
        raise InvalidRequestError("the file holds no applicants")
    results, progress = Results(model, folder), Progress(applicants.applicants)
    for window in applicants.windows():
        results.add(window)
        progress.show(len(results))
    return results


class Results:
    """Results on their way into a Parquet file in `folder`, where they wait as numbers, a file for each window."""

    def __init__(self, model: ServedModel, folder: Path) -> None:
        self._model = model
        self._folder = folder
        self._connection = duckdb.connect(config={**SETTINGS, "memory_limit": LIMIT, "temp_directory": str(folder)})
        for name, words in (("decisions", DECISIONS), ("bands", [band.name for band in model.bundle.policy.bands])):
            self._connection.execute(f"create type {name} as enum ({', '.join(map(literal, words))})")
        self._count = 0
        self.decisions: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._count

    def add(self, applicants: Encoded) -> None:
        """Score some more."""
        model, policy = self._model, self._model.bundle.policy
        parts = [model.pd(applicants[at : at + AT_ONCE]) for at in range(0, len(applicants), AT_ONCE)]
        pd = np.concatenate(parts)
        decisions = policy.decisions(pd).astype(np.int8)
        columns = {
            "pd": pd,
            "score": policy.scores(pd).astype(np.int16),
            "decision": decisions,
            "band": policy.band_places(pd),
        }
        self._connection.register("more", columns)
        path = self._folder / f"{self._count:012}.numbers"
        self._connection.execute(
            f"copy more to {literal(str(path))} (format parquet, compression uncompressed, dictionary_size_limit 1)"
        )
        self._count += len(pd)
        counts = np.bincount(decisions, minlength=len(DECISIONS)).tolist()
        self.decisions.update(dict(zip(DECISIONS, counts, strict=True)))

    def written(self) -> Path:
        """The finished file; the model's digest and the policy's version are among its key-value metadata."""
        bundle, file = self._model.bundle, self._folder / "scored.parquet"
        known = f"model_digest: {literal(bundle.digest)}, policy_version: {literal(bundle.policy.version)}"
        # A list of enumerated words: as text, each would be hashed again for every applicant.
        self._connection.execute(
            "copy (select pd, score, (enum_range(null::decisions)::decisions[])[decision + 1] as decision,"  # noqa: S608
            " (enum_range(null::bands)::bands[])[band + 1] as band"
            f" from read_parquet({literal(f'{glob.escape(str(self._folder))}/*.numbers')}))"
            f" to {literal(str(file))}"
            f" (format parquet, row_group_size {ROWS}, dictionary_size_limit {WORDS}, kv_metadata {{{known}}})"
        )
        return file
