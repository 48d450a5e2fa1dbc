"""How many applicants a second `scoring-api score` does on one core, beside what its graph and its reading alone allow.

Two files of different length are scored: what both cost is the start, what they differ by is the speed. The applicants
are made up (`applicants`), the same ones again and again. Knows no server.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench import network
from bench.applicants import SEED, Applicant, People
from bench.contenders import OURS
from bench.process import SERVER_CORE
from scoring_api.bulk import AT_ONCE
from scoring_api.model import load
from scoring_api.parquet import ParquetFile

FEW, MANY = 250_000, 1_500_000
HEAD = "| bundle | applicants/s | its graph alone | reading and checking | start s of CPU |\n|---|--:|--:|--:|--:|"


def main() -> int:
    """Measure bundles, the network of `network` if none is named, and print a table."""
    parser = argparse.ArgumentParser(prog="bench.bulk", description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="*", help="default: the made-up network of 23-64-32-1")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(HEAD)
    with TemporaryDirectory(prefix="bench-bulk-") as folder:
        for bundle in asked.bundles or [network.make(Path(folder) / "small")]:
            print(_measured(bundle, Path(folder), asked.rounds), flush=True)
    return 0


def _measured(bundle: Path, folder: Path, rounds: int) -> str:
    people = People.made(bundle)
    files = [write(people.rows, count, folder / f"{count}.parquet") for count in (FEW, MANY)]
    costs = np.array([[_cpu_s(bundle, file) for file in files] for _ in range(rounds)])
    few_s, many_s = np.median(costs, axis=0)
    speed = (MANY - FEW) / (many_s - few_s)
    alone = [median(one(bundle, files[0]) for _ in range(rounds)) for one in (_graph, _reading)]
    figures = " | ".join(f"{figure:,.0f}" for figure in (speed, *alone))
    return f"| {people.bundle.schema.dataset} | {figures} | {few_s - FEW / speed:.2f} |"


def write(rows: Sequence[Applicant], count: int, file: Path) -> Path:
    """A Parquet file of so many applicants, drawn from `rows`."""
    drawn = pa.array(np.random.default_rng(SEED).integers(0, len(rows), count))
    columns = {name: pa.array([row[name] for row in rows]).take(drawn) for name in rows[0]}
    pq.write_table(pa.table(columns), file)
    return file


def _cpu_s(bundle: Path, file: Path) -> float:
    """CPU seconds of scoring a file, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["taskset", "-c", str(SERVER_CORE), str(OURS), "score", str(file), "--bundle", str(bundle)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 our own command
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _graph(bundle: Path, file: Path) -> float:
    """Applicants a second of the graph, as many at once as in bulk."""
    model = load(bundle, "bench")
    window = next(ParquetFile(file, model.bundle.schema).windows())
    parts = [window[at : at + AT_ONCE] for at in range(0, len(window), AT_ONCE)]
    return _speed(len(window), lambda: [model.pd(part) for part in parts])


def _reading(bundle: Path, file: Path) -> float:
    """Applicants a second that are read and checked."""
    applicants = ParquetFile(file, load(bundle, "bench").bundle.schema)
    return _speed(FEW, lambda: [len(window) for window in applicants.windows()])


def _speed(count: int, step: Callable[[], object]) -> float:
    start = process_time()
    step()
    return count / (process_time() - start)


if __name__ == "__main__":
    sys.exit(main())
