"""Training the members of a network side by side, each on its own rows, stopped by log-loss on the rows it never saw.

One batched descent replaces cross-fitting's many: a member is trained by its row weights, and the rows with weight zero
judge it. Does not know portfolios, features or what the members are for.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from credit_training.network import Network

CHUNK = 4096
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Descent:
    """The knobs of one descent; `patience` epochs without a better log-loss end it."""

    epochs: int
    patience: int
    batch: int
    learning_rate: float
    weight_decay: float


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learnt: inputs [n, ...], `goal` [n] the probability to learn, `outcome` [n] what really happened.

    `weight` [n] is the sample weight; `teaches` [m, n] says which rows each member learns from.
    """

    components: Tensor
    codes: Tensor
    goal: Tensor
    outcome: Tensor
    weight: Tensor
    teaches: Tensor


def descend(
    network: Network, lesson: Lesson, knobs: Descent, generator: torch.Generator, progress: Progress | None = None
) -> tuple[npt.NDArray[np.float64], float]:
    """Train in place, keep the best epoch's weights.

    Returns the logit of every row as seen by the members that did not learn from it, and their log-loss.
    """
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=knobs.learning_rate, weight_decay=knobs.weight_decay, fused=True
    )
    rows = len(lesson.goal)
    steps = -(-rows // knobs.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, knobs.learning_rate, epochs=knobs.epochs, steps_per_epoch=steps, pct_start=0.2
    )
    best, best_loss, best_logits, waited = copy.deepcopy(network.state_dict()), float("inf"), np.zeros(rows), 0
    row_weight = lesson.teaches * (lesson.weight / lesson.weight.mean())
    for epoch in range(knobs.epochs):
        network.train()
        for chosen in torch.split(torch.randperm(rows, generator=generator), knobs.batch):
            logits = network(lesson.components[chosen], lesson.codes[chosen]).squeeze(-1)
            goal = lesson.goal[chosen].expand_as(logits)
            loss = functional.binary_cross_entropy_with_logits(logits, goal, row_weight[:, chosen], reduction="sum")
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss / len(chosen))
            optimiser.step()
            schedule.step()
            network.project()
        logits_now = unseen_logits(network, lesson)
        loss_now = log_loss(logits_now, lesson)
        if loss_now < best_loss:
            best, best_loss, best_logits, waited = copy.deepcopy(network.state_dict()), loss_now, logits_now, 0
        else:
            waited += 1
        if progress is not None:
            progress(f"log-loss {best_loss:.5f}", (epoch + 1) / knobs.epochs)
        if waited >= knobs.patience:
            break
    network.load_state_dict(best)
    network.eval()
    return best_logits, best_loss


@torch.no_grad()
def unseen_logits(network: Network, lesson: Lesson) -> npt.NDArray[np.float64]:
    """The mean logit [n] over the members that did not learn from the row."""
    network.eval()
    chunks = [
        network(components, codes).squeeze(-1)
        for components, codes in zip(
            torch.split(lesson.components, CHUNK), torch.split(lesson.codes, CHUNK), strict=True
        )
    ]
    logits = torch.cat(chunks, dim=-1)
    unseen = 1.0 - lesson.teaches
    mean: npt.NDArray[np.float64] = ((logits * unseen).sum(0) / unseen.sum(0)).numpy().astype(np.float64)
    return mean


def log_loss(logits: npt.NDArray[np.float64], lesson: Lesson) -> float:
    """Weighted log-loss of logits against what really happened."""
    outcome, weight = lesson.outcome.numpy().astype(np.float64), lesson.weight.numpy().astype(np.float64)
    return float(np.average(np.logaddexp(0.0, logits) - outcome * logits, weights=weight))
