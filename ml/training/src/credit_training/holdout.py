"""The hold-out of a dataset version, rebuilt from its source into one .npz for whoever must measure models on it.

Every field is there as published, whatever a model uses of it. Rows: such a file stays on the machine that made it.
Read by credit_delivery.holdout, which knows the names of its arrays too.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_training.dataset import DatasetSpec
from credit_training.files import write_whole
from credit_training.prepare import Prepared, groups_of, prepared
from credit_training.typed import HOLDOUT, TARGET, WEIGHT


def write_holdout(spec: DatasetSpec, version: str, home: Path, out: Path) -> Prepared:
    """Rebuild a dataset version and write its hold-out; gives the whole version, whose hashes name it.

    Arrays of n rows: `number:<field>` float64, NaN for missing; `category:<field>` text, empty for missing;
    `group:<field>` text for protected fields; `target` int8, `weight` float64. Scalars: `dataset`, `version`, `sha256`,
    `holdout_sha256`.

    Raises:
        TrainingError: the source is not at hand, not what was published, or the rebuilt hold-out has another hash.
        OutputError: `out` cannot be written.
    """
    data = prepared(spec, version, home)
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **_arrays(data))
    write_whole(out, stream.getvalue(), "choose another file with --out")
    return data


def _arrays(data: Prepared) -> dict[str, npt.NDArray[Any]]:
    frame = data.frame[data.frame[HOLDOUT]]
    arrays: dict[str, npt.NDArray[Any]] = {
        "target": frame[TARGET].to_numpy(dtype=np.int8),
        "weight": frame[WEIGHT].to_numpy(dtype=np.float64),
        "dataset": np.array(data.spec.name),
        "version": np.array(data.version),
        "sha256": np.array(data.sha256),
        "holdout_sha256": np.array(data.holdout_sha256),
    }
    for column in data.spec.columns(data.version):
        values = frame[column.name]
        if column.kind == "category":
            arrays[f"category:{column.name}"] = np.asarray(values.fillna(""), dtype=np.str_)
        else:
            arrays[f"number:{column.name}"] = values.to_numpy(dtype=np.float64)
        if column.role == "protected":
            arrays[f"group:{column.name}"] = groups_of(column, values)
    return arrays
