"""The main job end to end: exploration, a run, then the candidate asked about real applicants over HTTP.

Only calls what the other verbs call, in order, and says what happened.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from credit_contract.applicant import decode
from credit_training.config import TrainConfig
from credit_training.explore import explore
from credit_training.files import home
from credit_training.prepare import prepared
from credit_training.progress import Progress
from credit_training.run import RunResult, run, steps_of
from credit_training.serving import serving
from credit_training.source import Raw, obtain
from credit_training.summary import run_summary, scored

QUANTILES = (0.05, 0.5, 0.95)


def demo(config: TrainConfig) -> RunResult:
    """Run everything and print it.

    Raises:
        TrainingError: the first step that failed, as one line.
    """
    spec = config.spec
    progress = Progress(len(config.versions) + steps_of(config) + 1)
    reports: list[Path] = []
    raw: Raw | None = None
    for version in config.versions:
        with progress.step(f"explore {spec.name} {version}") as say:
            raw = raw or obtain(spec, home())
            reports.append(explore(prepared(spec, version, home(), raw), home() / "reports"))
            say(f"{reports[-1].stat().st_size // 1000} kB page")
    result = run(config, progress, raw)
    with progress.step("serve the candidate and ask it over HTTP") as say:
        asked, answer = _ask(result)
        say(f"{len(asked)} applicants answered by {answer['model_digest'][:12]}")
    print(run_summary(result))
    print(scored(asked, answer))
    print("\nWhat was written")
    for path in (*reports, result.report, result.candidate.bundle.path):
        print(f"  {path}")
    print(f"\nDone in {progress.seconds:.0f} s. Next: make serve DATASET={spec.name}, make mlflow")
    return result


def _ask(result: RunResult) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Applicants of the hold-out with a low, a middle and a high PD."""
    bundle, holdout = result.candidate.bundle, result.network.portfolio.test()
    order = result.network.model.predict(holdout.encoded).argsort()
    rows = order[[int(quantile * (len(order) - 1)) for quantile in QUANTILES]]
    asked = decode(bundle.schema, holdout.encoded[rows])
    with serving(bundle.path, f"{bundle.schema.dataset}-candidate") as service:
        return asked, service.predict(asked)
