"""NannyML on the same window: univariate drift of every field, and CBPE of the AUC, in one chunk.

Arguments: reference and window (Parquet), figures to write (CSV). Runs in an environment of its own.
"""

import sys

import nannyml
import pandas as pd

reference, window, figures = sys.argv[1:]
before, now = (pd.read_parquet(path) for path in (reference, window))
now, before = (table.assign(called=(table["pd"] >= 0.2).astype(int)) for table in (now, before))
fields = [name for name in now if name not in ("id", "decided_at", "model_digest", "bad", "called", "pd", "decision")]
chunks = {"chunk_size": max(len(now), len(before))}
drift = nannyml.UnivariateDriftCalculator(
    column_names=fields, continuous_methods=["jensen_shannon"], categorical_methods=["jensen_shannon"], **chunks
)
drift.fit(before)
drift.calculate(now).to_df().to_csv(figures)
cbpe = nannyml.CBPE(
    y_pred_proba="pd",
    y_pred="called",
    y_true="bad",
    problem_type="classification_binary",
    metrics=["roc_auc"],
    **chunks,
)
cbpe.fit(before)
cbpe.estimate(now).to_df().to_csv(figures, mode="a")
