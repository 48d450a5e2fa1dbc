"""The champion's evaluation: of a bundle that somebody names, or of the PDs by which the applicants were decided.

Reads. The registry's alias is asked by those who know the registry; what is better, the gates say.
"""

from __future__ import annotations

from pathlib import Path

from credit_contract import metrics
from credit_contract.bundle import DatasetVersion, read_bundle
from credit_contract.gates import find
from credit_training.errors import ConfigError
from credit_training.evaluation import Figures
from credit_training.prepare import Prepared
from credit_training.typed import DECIDED_PD, HOLDOUT, TARGET, WEIGHT


def champion_of(bundle: Path, dataset: DatasetVersion) -> Figures:
    """The evaluation of a bundle, measured on the hold-out of `dataset`.

    Raises:
        ConfigError: it was measured on another hold-out.
        BundleError: the bundle is damaged, or none.
    """
    evaluation = read_bundle(bundle).evaluation
    if find(evaluation, "dataset.holdout_sha256") != dataset.holdout_sha256:
        raise ConfigError(
            f"champion: {bundle} was not measured on the hold-out of {dataset.name} {dataset.version}; "
            "choose a bundle that was, or name none"
        )
    return dict(evaluation)


def champion_of_decisions(data: Prepared) -> Figures | None:
    """How the champion did on this hold-out, where its applicants say by which PD they were decided; else None."""
    if DECIDED_PD not in data.frame:
        return None
    held = data.frame[data.frame[HOLDOUT]]
    figures = metrics.summary(held[TARGET].to_numpy(), held[DECIDED_PD].to_numpy(), held[WEIGHT].to_numpy())
    return {"network": figures, "dataset": data.dataset.model_dump()}
