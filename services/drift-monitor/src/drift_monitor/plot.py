"""Timelines as SVG, drawn here: no script, no asset from elsewhere. Knows numbers and dates only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 180, 48, 12, 12, 24
COLOURS = ("#1f6feb", "#d1480f", "#2a7d46")


@dataclass(frozen=True, slots=True)
class Line:
    """One curve; a window without a value interrupts it."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Stroke:
    """A curve ready to be drawn: its colour, and one list of `x,y` points for each unbroken part."""

    name: str
    colour: str
    parts: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart ready for the template; ticks are (y, text), dates (x, text)."""

    title: str
    strokes: tuple[Stroke, ...]
    ticks: tuple[tuple[float, str], ...]
    dates: tuple[tuple[float, str], ...]
    limit: float | None


def chart(title: str, times: Sequence[datetime], lines: Sequence[Line], limit: float | None = None) -> Chart:
    """Curves over one or more times, from 0 (or below) up, with an optional horizontal limit."""
    seen = [value for line in lines for value in line.values if value is not None]
    low, high = min([0.0, *seen]), max([limit or 0.0, *seen, 1e-9]) * 1.05
    first, last = min(times), max(times)
    span = (last - first).total_seconds() or 1.0

    def across(time: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (time - first).total_seconds() / span, 1)

    def up(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low), 1)

    strokes = []
    for line, colour in zip(lines, COLOURS, strict=False):
        points = [None if v is None else (across(t), up(v)) for t, v in zip(times, line.values, strict=True)]
        dots = tuple(point for point in points if point is not None)
        strokes.append(Stroke(line.name, colour, _parts(points), dots))
    marks = [low + (high - low) * step / 4 for step in range(5)]
    return Chart(
        title=title,
        strokes=tuple(strokes),
        ticks=tuple((up(mark), f"{mark:.2g}") for mark in marks),
        dates=tuple((across(time), f"{time:%Y-%m-%d}") for time in (first, last)),
        limit=None if limit is None else up(limit),
    )


def _parts(points: Sequence[tuple[float, float] | None]) -> tuple[str, ...]:
    parts: list[list[str]] = [[]]
    for point in points:
        if point is None:
            parts.append([])
        else:
            parts[-1].append(f"{point[0]},{point[1]}")
    return tuple(" ".join(part) for part in parts if len(part) > 1)
