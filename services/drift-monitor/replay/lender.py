"""A lender who stands at a day and knows no more than that day: fits a model on complete outcomes, and ships a bundle.

Does not know what comes later, nor when a model is due.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from stream import Stream

from credit_contract import metrics
from credit_contract.applicant import Encoded
from credit_contract.baseline import build
from credit_contract.bundle import Bundle, DatasetVersion, Draft, write_bundle
from credit_contract.digest import sha256_json
from credit_contract.golden import GoldenSet, synthesise
from credit_training.export import onnx_model
from credit_training.fit import FittedNetwork, fit_network
from credit_training.network_recipe import NetworkRecipe
from credit_training.portfolio import Portfolio

Learns = Literal["complete", "as known", "weighted"]
HELD_OUT = 5  # one fifth of the applicants learned from measures the model
YEAR = np.timedelta64(365, "D")
REDUCED = NetworkRecipe(folds=2, epochs=3, teacher_epochs=5, imagined=2000)
"""A small network and few epochs: for CI, and where the model is not what is looked at."""


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted model and its bundle."""

    network: FittedNetwork
    bundle: Bundle
    learned_from: int

    def predict(self, encoded: Encoded) -> npt.NDArray[np.float64]:
        """PD float64 [n]."""
        return self.network.predict(encoded)


def fit(
    stream: Stream,
    as_of: np.datetime64,
    lent: npt.NDArray[np.bool_],
    approval_rate: float,
    recipe: NetworkRecipe,
    seed: int,
    folder: Path,
    learns: Learns = "complete",
) -> Model:
    """The model of a lender at `as_of`, who has outcomes of `lent` applicants only, bool [n], and learns from `known`.

    The cut-off approves `approval_rate` of the
    last year's applicants, and they are the baseline: what a lender knows of today's market without any outcome.
    """
    learned = stream.take(known(stream, as_of, lent, learns, seed))
    aside = learned.origin % HELD_OUT == 0
    network = fit_network(_portfolio(learned.take(~aside)), recipe, stream.steps, seed)
    test = learned.take(aside)
    recent = stream.take((stream.applied < as_of) & (stream.applied >= as_of - YEAR))
    bundle = _bundle(stream, network, test, recent, approval_rate, seed, folder / str(as_of))
    return Model(network, bundle, int((~aside).sum()))


def known(
    stream: Stream, as_of: np.datetime64, lent: npt.NDArray[np.bool_], learns: Learns, seed: int
) -> npt.NDArray[Any]:
    """Whom to learn from, as indices: of complete vintages, with outcomes dated before `as_of`, or those drawn anew.

    Drawn by the inverse probability of not being censored (Robins and Rotnitzky 1992): an outcome that took t days is
    known of those only who were t days old at `as_of`.
    """
    age = as_of - stream.applied
    if learns == "complete":
        return np.flatnonzero(lent & (age >= np.timedelta64(stream.performance_days, "D")))
    rows = np.flatnonzero(lent & (stream.known <= as_of))
    if learns == "as known":
        return rows
    ages = np.sort(age[lent & (stream.applied < as_of)])
    old_enough = 1 - np.searchsorted(ages, (stream.known - stream.applied)[rows]) / len(ages)
    return np.random.default_rng(seed).choice(rows, len(rows), p=(1 / old_enough) / np.sum(1 / old_enough))


def _portfolio(stream: Stream) -> Portfolio:
    rows = len(stream)
    return Portfolio(
        schema=stream.schema,
        encoded=stream.encoded,
        target=stream.bad.astype(np.int8),
        weight=np.ones(rows),
        group=stream.origin,
        holdout=np.zeros(rows, dtype=np.bool_),
        protected={},
        sha256="",
    )


def _bundle(
    stream: Stream,
    network: FittedNetwork,
    test: Stream,
    recent: Stream,
    approval_rate: float,
    seed: int,
    path: Path,
) -> Bundle:
    pds = network.predict(recent.encoded)
    cut_off = round(float(np.quantile(pds, approval_rate)), 6)
    policy = stream.policy.model_copy(update={"approve_below": cut_off, "decline_from": cut_off})
    decisions = policy.decisions(pds)
    baseline = build(stream.schema, recent.encoded, test.bad[:1].astype(int).repeat(len(recent)), pds, decisions,
                     np.ones(len(recent)))  # fmt: skip
    baseline = baseline.model_copy(update={"bad_rate": round(float(test.bad.mean()), 9)})
    people = tuple(synthesise(stream.schema, baseline, 16, seed))
    state = {name: tensor.tolist() for name, tensor in network.state_dict().items()}
    return write_bundle(
        Draft(
            dataset=DatasetVersion(
                name=stream.name, version="replay", sha256=sha256_json(path.name), holdout_sha256="0" * 64
            ),
            commit="0" * 40,
            config_sha256=sha256_json(state),
            seeds={"training": seed},
            libraries={},
            model=onnx_model(network.module, stream.schema).SerializeToString(),
            schema=stream.schema,
            policy=policy,
            baseline=baseline,
            golden=GoldenSet(applicants=people, pd=(0.5,) * len(people)),
            evaluation={"network": {"gini": metrics.gini(test.bad, network.predict(test.encoded)), "rows": len(test)}},
        ),
        path,
    )
