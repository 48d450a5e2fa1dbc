"""Evidently without the monitor: every row of the window against every row of the reference, as a page.

Arguments: reference and window (Parquet), page to write. Runs in an environment of its own.
"""

import sys

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

reference, window, page = sys.argv[1:]
left_out = ["id", "decided_at", "model_digest", "bad"]
before, now = (pd.read_parquet(path).drop(columns=left_out, errors="ignore") for path in (reference, window))
texts = [name for name in now if not pd.api.types.is_numeric_dtype(now[name])]
definition = DataDefinition(categorical_columns=texts, numerical_columns=[name for name in now if name not in texts])
now, before = (Dataset.from_pandas(table, data_definition=definition) for table in (now, before))
Report([DataDriftPreset(method="psi")]).run(now, before).save_html(page)
