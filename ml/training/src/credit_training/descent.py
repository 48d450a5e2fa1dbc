"""Training the members of a network side by side: each has its own goal and its own weight for every row.

One batched descent does the work of many. A judge, where there is one, stops it and picks the best epoch.
Does not know portfolios, features or what the members are for.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from credit_training.network import Network

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done."""
Judge = Callable[[Network], float]
CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Descent:
    """The knobs of one descent; `patience` epochs without a better judgement end it."""

    epochs: int
    patience: int
    batch: int
    learning_rate: float
    weight_decay: float


@dataclass(frozen=True, slots=True)
class Lesson:
    """What m members learn from n rows: inputs [n, ...], their PD to learn and weight [m or 1, n]."""

    components: Tensor
    codes: Tensor
    goal: Tensor
    weight: Tensor


def descend(
    network: Network,
    lesson: Lesson,
    knobs: Descent,
    generator: torch.Generator,
    judge: Judge | None = None,
    progress: Progress | None = None,
) -> None:
    """Train in place by weighted log-loss; with a judge, end with the epoch that it found lowest."""
    optimiser = torch.optim.AdamW(
        network.parameters(), knobs.learning_rate, weight_decay=knobs.weight_decay, fused=True
    )
    rows = lesson.goal.shape[1]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, knobs.learning_rate, epochs=knobs.epochs, steps_per_epoch=-(-rows // knobs.batch), pct_start=0.2
    )
    best, lowest, waited = copy.deepcopy(network.state_dict()), float("inf"), 0
    for epoch in range(knobs.epochs):
        network.train()
        for chosen in torch.split(torch.randperm(rows, generator=generator), knobs.batch):
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(_loss(network, lesson, chosen))
            optimiser.step()
            schedule.step()
            network.project()
        if progress is not None:
            progress("network", (epoch + 1) / knobs.epochs)
        if judge is None:
            continue
        if (judged := judge(network.eval())) < lowest:
            best, lowest, waited = copy.deepcopy(network.state_dict()), judged, 0
        elif (waited := waited + 1) >= knobs.patience:
            break
    if judge is not None:
        network.load_state_dict(best)
    network.eval()


def _loss(network: Network, lesson: Lesson, chosen: Tensor) -> Tensor:
    """The members' losses, summed: they share no weight, so each gets the gradient of its own."""
    logits = network(lesson.components[chosen], lesson.codes[chosen]).squeeze(-1)
    goal, weight = lesson.goal[:, chosen].expand_as(logits), lesson.weight[:, chosen].expand_as(logits)
    total = functional.binary_cross_entropy_with_logits(logits, goal, weight, reduction="sum")
    return total / len(chosen)


@torch.no_grad()
def member_logits(network: Network, components: Tensor, codes: Tensor) -> Tensor:
    """Logits [m, n] of all members."""
    chunks = zip(torch.split(components, CHUNK), torch.split(codes, CHUNK), strict=True)
    return torch.cat([network(*chunk).squeeze(-1) for chunk in chunks], dim=-1)
