"""Figures as a table and a plot. Medians over rounds; knows no server."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.checks import WRONG
from bench.contenders import CONTENDERS, Contender
from bench.load import CROWD

Figures = Mapping[str, Any]
SIZES = ("1", "100")
SMALL = (
    "A made-up network of 23-64-32-1, the size that comparisons of servers commonly use, in place of a trained one: "
    "its graph costs next to nothing, so this is each server's own share. A real model's is [here](benchmarks.md)."
)
LONELY = (
    "scoring-api scores together what arrives in one turn of its event loop; with one connection nothing does, and "
    "every request costs a whole run of the graph."
)
LONELY_HEAD = " µs, one connection | p50 ms, one connection |"


def machine() -> str:
    """What the figures were measured on."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = models[0].partition(":")[2].strip() if models else platform.machine()
    return f"{name}, {os.cpu_count()} cores, Linux, Python {platform.python_version()}"


def page(figures: Figures, name: str) -> str:
    """All figures as Markdown, with the plot of that name."""
    servers = figures["servers"]
    measured = [one for one in CONTENDERS if servers.get(one.name, {}).get("rounds")]
    missing = [
        (one.name, servers.get(one.name, {}).get("failed", "left out")) for one in CONTENDERS if one not in measured
    ]
    lines = [
        "<!-- Written by `make bench`; do not edit. -->",
        "# Benchmarks",
        "",
        f"{figures['machine']}. {figures['date']}. Bundle `{figures['dataset']}` ({figures['fields']} fields, graph of "
        f"{figures['graph_kb']} kB), the same ONNX graph everywhere.",
        *([SMALL] if name == "bench-small" else []),
        "Each server has one core and one worker, wrk the other core, 8 connections, bodies that differ; every body's "
        "PDs were checked first.",
        "CPU is user and system time of the server's whole process tree. Medians of "
        f"{_rounds(measured, servers)} rounds of {figures['seconds']} s, those of one run interleaved. "
        "`others` is how many cores were busy with anything else meanwhile: "
        "what shares a core's caches and threads makes every figure higher.",
        "",
        f"![CPU time per request](figures/{name}.svg)",
        "",
    ]
    for size in SIZES:
        lines += _speed([one for one in measured if int(size) in one.sizes], servers, size)
    lines += _journal([one for one in measured if one.journal != "off"], servers)
    lines += _rest(measured, servers)
    if missing:
        lines += ["", "Not measured:", "", *(f"- {name}: {why}" for name, why in missing)]
    return "\n".join(lines) + "\n"


def summary(figures: Figures) -> str:
    """What README shows: CPU per request, and how wrong input is answered."""
    servers = figures["servers"]
    rows = [one for one in CONTENDERS if servers.get(one.name, {}).get("rounds")]
    rows.sort(
        key=lambda one: _of(servers, one, "1", "cpu_us") if 1 in one.sizes else _of(servers, one, "100", "cpu_us")
    )
    told = ["| server | CPU µs, 1 applicant | CPU µs, 100 | wrong input refused |", "|---|--:|--:|:-:|"]
    for one in rows:
        cells = [f"{_of(servers, one, size, 'cpu_us'):,.0f}" if int(size) in one.sizes else "" for size in SIZES]
        told.append(f"| {one.name} | {' | '.join(cells)} | {_refused(servers, one)} |")
    return "\n".join([*told, "", f"{figures['machine']}; {figures['date']}."]) + "\n"


def plot(figures: Figures, path: Path) -> None:
    """CPU per request, one bar a server, one panel a size."""
    servers = figures["servers"]
    mpl.rcParams["svg.hashsalt"] = "bench"
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, size in zip(panels, SIZES, strict=True):
        rows = [one for one in CONTENDERS if int(size) in one.sizes and servers.get(one.name, {}).get("rounds")]
        rows.sort(key=lambda one: -_of(servers, one, size, "cpu_us"))
        values = [_of(servers, one, size, "cpu_us") for one in rows]
        colours = ["tab:blue" if one.peer is None else "tab:grey" for one in rows]
        bars = panel.barh([one.name for one in rows], values, color=colours)
        panel.bar_label(bars, [f"{value:,.0f}" for value in values], padding=2, fontsize=8)
        panel.set_xscale("log")
        panel.margins(x=0.2)
        panel.tick_params(labelsize=8)
        panel.set_title(f"{size} applicant{'s' * (size != '1')} a request", fontsize=10)
        panel.set_xlabel("CPU µs per request", fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def _rounds(rows: Sequence[Contender], servers: Figures) -> str:
    """How many there were, which differs where servers were measured in parts."""
    counts = {len(servers[one.name]["rounds"]) for one in rows} or {0}
    return " to ".join(map(str, sorted({min(counts), max(counts)})))


def _speed(rows: Sequence[Contender], servers: Figures, size: str) -> list[str]:
    rows = sorted(rows, key=lambda one: _of(servers, one, size, "cpu_us"))
    lonely = size == "1"
    lines = [
        f"## {size} applicant{'s' * (size != '1')} per request",
        "",
        *([LONELY, ""] if lonely else []),
        f"| server | CPU µs/request | lowest – highest | requests/s | p50 ms | p99 ms |{LONELY_HEAD * lonely}"
        " errors | others | what |",
        f"|---|--:|--:|--:|--:|--:|{'--:|--:|' * lonely}--:|--:|---|",
    ]
    for one in rows:
        cpu = _all(servers, one, size, "cpu_us")
        errors = sum(_all(servers, one, size, "errors"))
        rate, p50, p99, others = (
            _of(servers, one, size, name) for name in ("requests_s", "p50_ms", "p99_ms", "others")
        )
        alone = _alone(servers, one) if lonely else ""
        lines.append(
            f"| {one.name} | {median(cpu):,.0f} | {min(cpu):,.0f} – {max(cpu):,.0f} | {rate:,.0f} | {p50:.2f} "
            f"| {p99:.2f} |{alone} {errors} | {others:.2f} | {one.note} |"
        )
    return [*lines, ""]


def _alone(servers: Figures, one: Contender) -> str:
    if "lonely_us" not in servers[one.name]["rounds"][0]["1"]:
        return " | |"
    cpu, p50 = (_of(servers, one, "1", name) for name in ("lonely_us", "lonely_p50_ms"))
    return f" {cpu:,.0f} | {p50:.2f} |"


def _journal(rows: Sequence[Contender], servers: Figures) -> list[str]:
    if not rows:
        return []
    lines = [
        "## With the journal",
        "",
        f"Requests that arrive together share one commit, so one costs less with {CROWD} connections than with 8.",
        "",
        "| server | CPU µs/request | the database's own | requests/s | p99 ms at half of that rate "
        f"| CPU µs/request, {CROWD} connections |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for one in rows:
        cpu, rate, half = (_of(servers, one, "1", name) for name in ("cpu_us", "requests_s", "half_p99_ms"))
        own = f"{_of(servers, one, '1', 'database_us'):,.0f}" if one.journal == "postgresql" else "in it"
        crowd = f"{_of(servers, one, '1', 'crowd_us'):,.0f}"
        lines.append(f"| {one.name} | {cpu:,.0f} | {own} | {rate:,.0f} | {half:.1f} | {crowd} |")
    return [*lines, ""]


def _rest(rows: Sequence[Contender], servers: Figures) -> list[str]:
    lines = [
        "## Start, memory, wrong input",
        "",
        f"Wrong input is one applicant with: {', '.join(WRONG)}. Anything but 4xx is wrong; 200 is a score for nobody.",
        "",
        f"| server | start to first answer s | memory MB | processes | {' | '.join(WRONG)} |",
        "|---|--:|--:|--:|" + ":-:|" * len(WRONG),
    ]
    for one in rows:
        rounds = servers[one.name]["rounds"]
        start, memory = (median(entry[name] for entry in rounds) for name in ("start_s", "memory_mb"))
        wrong = " | ".join(str(rounds[0]["wrong"][kind]) if one.answers else "" for kind in WRONG)
        lines.append(f"| {one.name} | {start:.1f} | {memory:,.0f} | {rounds[0]['processes']} | {wrong} |")
    return lines


def _refused(servers: Figures, one: Contender) -> str:
    if not one.answers:
        return "–"
    statuses = servers[one.name]["rounds"][0]["wrong"].values()
    return f"{sum(400 <= status < 500 for status in statuses)} of {len(WRONG)}"


def _all(servers: Figures, one: Contender, size: str, name: str) -> list[float]:
    return [entry[size][name] for entry in servers[one.name]["rounds"]]


def _of(servers: Figures, one: Contender, size: str, name: str) -> float:
    return median(_all(servers, one, size, name))
