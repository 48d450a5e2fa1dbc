"""`python services/drift-monitor/bench`: time and memory of one window by size, against Evidently and NannyML alone.

Each run is a process of its own; the page and its plot go to docs. The others get an environment each, under var/bench.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from journal import add_vintage, write_journal
from matplotlib import pyplot as plt
from postgres import running
from windows import make_bundle, portfolio, write_reference, write_vintage, write_window

mpl.use("Agg")
HERE, HOME = Path(__file__).parent, Path("var/bench/drift")
DECISIONS = HOME / "decisions"
MONITOR = Path(sys.executable).with_name("drift-monitor")
PEERS = {"Evidently alone": ("evidently", "evidently_alone.py"), "NannyML": ("nannyml", "nannyml_cbpe.py")}
PINS = {
    "evidently": ["evidently==0.7.23", "pyarrow==26.0.1", "pandas==3.0.6"],
    "nannyml": ["nannyml==0.13.1", "statsmodels==0.15.0"],
}
MEGABYTE = 1024
QUIET = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
SOURCES = ("Parquet", "SQLite journal", "PostgreSQL journal")
OURS = tuple(f"monitor, {source}{more}" for source in SOURCES for more in ("", ", with outcomes"))
LARGEST_PEER = 1_000_000


@dataclass(frozen=True, slots=True)
class Took:
    """One run: wall time, CPU time and the most memory of its process, or None where it failed."""

    contender: str
    rows: int
    seconds: float | None
    cpu: float | None
    megabytes: float | None


@dataclass(frozen=True, slots=True)
class Made:
    """The files of one size: the window, the decisions of a year before it, and what became of those.

    Decisions lie in a folder of their own.
    """

    window: Path
    vintage: Path
    outcomes: Path


def measured(contender: str, rows: int, command: Sequence[str], environment: Mapping[str, str]) -> Took:
    """Run one contender on one window."""
    started = time.perf_counter()
    with (HOME / "output.log").open("ab") as log:
        child = subprocess.Popen(command, env={**os.environ, **QUIET, **environment}, stdout=log, stderr=log)  # noqa: S603
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    done = child.returncode in (0, 3, 4) if contender in OURS else child.returncode == 0
    figures = (seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / MEGABYTE) if done else (None, None, None)
    took = Took(contender, rows, *figures)
    print(took, flush=True)
    return took


def environment_of(name: str) -> Path:
    """The Python of a contender's own environment, made if it is not there."""
    folder = Path("var/bench") / name
    uv = str(Path(sys.executable).with_name("uv"))
    if not (folder / "bin" / "python").exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)  # noqa: S603
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python")]
    subprocess.run([*install, *PINS[name]], check=True)  # noqa: S603
    return folder / "bin" / "python"


def compare(sizes: Sequence[int]) -> list[Took]:
    """Every contender on every size that it can be asked for."""
    DECISIONS.mkdir(parents=True, exist_ok=True)
    drawn = portfolio(seed=1)
    bundle = make_bundle(drawn, HOME / "bundle")
    write_reference(drawn, HOME / "reference.parquet")
    pythons = {name: environment_of(folder) for name, (folder, _) in PEERS.items()}
    period = ["--from", "2024-01-01", "--to", "2024-02-01", "windows.every=month", "retraining.by=nothing"]
    ours = [str(MONITOR), "run", *period, f"bundles=[{bundle.path}]", f"reports.folder={HOME / 'reports'}"]
    found = []
    for rows in sizes:
        files = Made(DECISIONS / "window.parquet", DECISIONS / "vintage.parquet", HOME / "outcomes.parquet")
        write_window(drawn, bundle.digest, rows, files.window)
        write_vintage(drawn, bundle.digest, rows, files.vintage, files.outcomes)
        found += monitored(ours, files, rows)
        if rows <= LARGEST_PEER:
            for name, (_, script) in PEERS.items():
                given = [str(HOME / "reference.parquet"), str(files.window), str(HOME / "peer.out")]
                found.append(measured(name, rows, [str(pythons[name]), str(HERE / "peers" / script), *given], {}))
        for file in (files.window, files.vintage, files.outcomes):
            file.unlink()
    return found


def monitored(command: Sequence[str], files: Made, rows: int) -> Iterator[Took]:
    """The monitor on one window from every source, first without outcomes, then with those of the year before."""
    both = f"files.decisions={files.window.parent}", f"files.outcomes={files.outcomes}"
    yield measured(OURS[0], rows, [*command, f"files.decisions={files.window}"], {})
    yield measured(OURS[1], rows, [*command, *both], {})
    with tempfile.TemporaryDirectory(prefix="journal-", dir=HOME) as folder:
        yield from _from_journal(OURS[2:4], command, files, rows, f"sqlite:///{folder}/journal.sqlite")
    with running() as address:
        yield from _from_journal(OURS[4:6], command, files, rows, address)


def _from_journal(names: Sequence[str], command: Sequence[str], files: Made, rows: int, address: str) -> Iterator[Took]:
    write_journal(files.window, address)
    yield measured(names[0], rows, command, {"JOURNAL_URL": address})
    add_vintage(files.vintage, files.outcomes, address)
    yield measured(names[1], rows, command, {"JOURNAL_URL": address})


def write_page(found: Sequence[Took], folder: Path) -> Path:
    """`drift-benchmark.md` and its plot."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    for name in dict.fromkeys(one.contender for one in found):
        mine = [one for one in found if one.contender == name and one.seconds is not None]
        for axis, figures in zip(axes, ("seconds", "megabytes"), strict=True):
            axis.loglog([one.rows for one in mine], [getattr(one, figures) for one in mine], "o-", label=name)
            axis.set(xlabel="decisions in the window", ylabel=figures)
            axis.grid(visible=True, alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    figure.savefig(folder / "drift-benchmark.png", dpi=80)
    rows = [
        f"| {one.rows:,} | {one.contender} | {_shown(one.seconds)} | {_shown(one.cpu)} | {_shown(one.megabytes)} |"
        for one in found
    ]
    page = folder / "drift-benchmark.md"
    head = (HERE / "page.md").read_text(encoding="utf-8")
    page.write_text(
        "\n".join([head, "| decisions | by | seconds | CPU seconds | MB |", "|--:|---|--:|--:|--:|", *rows, ""])
    )
    return page


def _shown(figure: float | None) -> str:
    return "failed" if figure is None else f"{figure:,.1f}" if figure < 100 else f"{figure:,.0f}"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args()
    print(write_page(compare(options.rows), options.out))


main()
