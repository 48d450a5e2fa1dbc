"""`python services/drift-monitor/replay DATASET`: live through history with the monitor, and write a page."""

from __future__ import annotations

import argparse
from pathlib import Path

import learning
import numpy as np
import stream
from history import Lived, Plan, Strategy, replay
from lender import REDUCED
from page import write_page
from scenes import live, write_section

from credit_simulator import Event
from credit_training.files import home
from credit_training.network_recipe import NetworkRecipe

STRATEGIES: tuple[Strategy, ...] = ("never", "yearly", "verdict", "verdict or stop")
STORIES = {
    "sba": (
        "A lender at the start of fiscal 2004 learns from loans approved in fiscal years 1989–1999: their four-year"
        " performance window is complete, later ones' is not (the last section learns from all until 2003). Quarters of"
        " 2004–2012 follow, pooled to 500 decisions and more (the last that fills ends in 2010), drawn by the sample's"
        " weights. Outcomes arrive on their real dates; whom a model declines has none."
    ),
    "bank": (
        "Calls of a bank's campaigns, May 2008 to November 2010; “bad” is here that a deposit was taken, and it is"
        " known after a month. The first half year is learned from, then months follow, pooled to 500 calls and more."
    ),
    "simulated": (
        "Two years of simulated applicants are learned from, then months of 2,000 follow. A macro-economic shock begins"
        " in the ninth of them."
    ),
}


def main() -> None:
    """Replay one dataset with each strategy."""
    parser = argparse.ArgumentParser(prog="replay", description=__doc__)
    parser.add_argument("dataset", choices=list(STORIES))
    parser.add_argument("--out", type=Path, default=home() / "replay", help="folder of the page")
    parser.add_argument("--seed", type=int, default=20040101)
    parser.add_argument("--reduced", action="store_true", help="a small network and few epochs, as in CI")
    options = parser.parse_args()
    recipe = REDUCED if options.reduced else NetworkRecipe()
    came, plan = _scene(options.dataset, options.seed, recipe)
    lives: dict[Strategy, list[Lived]] = {}
    for strategy in STRATEGIES:
        lives[strategy] = replay(came, plan, strategy, home() / "replay" / options.dataset)
        called = [one.verdict.verdict for one in lives[strategy]]
        print(f"{strategy}: {', '.join(f'{called.count(v)} {v}' for v in sorted(set(called)))}", flush=True)
    sections = []
    if options.dataset == "sba":
        sections.append(learning.write_section(came, plan, lives["never"], home() / "replay" / "sba"))
    if options.dataset == "simulated":
        options.out.mkdir(parents=True, exist_ok=True)
        sections.append(write_section(live(options.seed, plan, home() / "replay"), options.out))
    print(write_page(options.dataset, STORIES[options.dataset], plan, lives, options.out, *sections))


def _scene(dataset: str, seed: int, recipe: NetworkRecipe) -> tuple[stream.Stream, Plan]:
    if dataset == "sba":
        start, end = np.datetime64("2003-10-01"), np.datetime64("2012-10-01")
        return stream.sba(seed), Plan(start, end, 3, 500, 0.8, recipe, seed, ended=("low_doc",))
    if dataset == "bank":
        start, end = np.datetime64("2008-11-01"), np.datetime64("2010-12-01")
        return stream.bank(seed), Plan(start, end, 1, 500, 0.8, recipe, seed, cool_down_days=60)
    shock = Event(kind="macro_shock", start=32)
    start, end = np.datetime64("2022-01-01"), np.datetime64("2024-01-01")
    return stream.simulated(seed, (shock,)), Plan(start, end, 1, 500, 0.8, recipe, seed, cool_down_days=90)


main()
