"""The verb `evaluate`: every algorithm cross-validated on the last dataset version of the configuration.

Puts together what other modules do, shows progress, prints one table.
"""

from __future__ import annotations

from credit_training.algorithms import fitting
from credit_training.config import TrainConfig
from credit_training.cross_validation import cross_validate
from credit_training.errors import ConfigError
from credit_training.evaluation import Figures
from credit_training.feature_steps import STEPS
from credit_training.files import home
from credit_training.prepare import prepare
from credit_training.progress import Progress
from credit_training.summary import table

SHOWN = ("auc", "gini", "ks", "brier", "log_loss", "pr_auc", "precision", "recall", "f1", "ece")


def evaluate_all(config: TrainConfig) -> dict[str, Figures]:
    """Cross-validated figures by algorithm, over all rows of the dataset version, hold-out included.

    Raises:
        ConfigError: no folds are asked for.
    """
    folds, repeats = config.cross_validation.folds, config.cross_validation.repeats
    if folds < 2:
        raise ConfigError(f"cross_validation.folds={folds}: ask for 2 or more, such as cross_validation.folds=5")
    spec = config.spec
    steps = tuple(STEPS.validate_python(spec.features))
    portfolio = prepare(spec, config.versions[-1], home(), config.protected_used, config.keep_leaks)
    rows = " with ".join([f"{spec.name} {config.versions[-1]}", *(f"the leak {leak}" for leak in config.keep_leaks)])
    progress = Progress(len(config.algorithms))
    found: dict[str, Figures] = {}
    for algorithm in config.algorithms:
        with progress.step(f"{repeats} × {folds} folds of {algorithm} on {rows}") as say:
            fit = fitting(algorithm, config, steps, config.seed)
            found[algorithm] = cross_validate(portfolio, fit, folds, repeats, config.seed)
            say(f"AUC {found[algorithm]['mean']['auc']:.4f}")
    return found


def evaluation_table(found: dict[str, Figures]) -> str:
    """Means of the folds, their deviation of AUC, and the ECE of all rows at once.

    Precision, recall and F1 are at the cut-off that had the best F1 on the other folds.
    """
    rows = [("", *(name.upper().replace("_", "-") for name in SHOWN), "AUC ±", "pooled ECE")]
    rows += [
        (
            algorithm,
            *(f"{figures['mean'][name]:.4f}" for name in SHOWN),
            f"{figures['deviation']['auc']:.4f}",
            f"{figures['pooled']['ece']:.4f}",
        )
        for algorithm, figures in found.items()
    ]
    return table(rows)
