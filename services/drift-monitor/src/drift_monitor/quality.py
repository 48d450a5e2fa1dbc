"""Data quality: what cannot be a change of applicants, only a fault on the way from them to the journal.

Works on counts. Does not know drift or what follows from a failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from credit_contract.baseline import Baseline
from credit_contract.schema import FeatureSchema
from drift_monitor.counting import FieldCounts, WindowCounts
from drift_monitor.finding import Check
from drift_monitor.limits import Limits
from drift_monitor.significance import share_above, share_rise
from drift_monitor.windows import Window

NEARLY_CONSTANT = 0.95  # of the reference in one bin: one value in a whole window is then no surprise


def checks(
    window: Window, schema: FeatureSchema, baseline: Baseline, counts: WindowCounts, limits: Limits
) -> Iterator[Check]:
    """Quality checks of any window, however small; each is a failure when it fires."""
    yield staleness(window, counts.last, limits)
    yield _share("repeated", "decisions", counts.repeated, counts.decisions, limits.repeated, "came more than once")
    no_pd, no_decision = counts.score[-1], counts.decisions - counts.decided.sum()
    yield _share("outside", "pd", no_pd, counts.decisions, limits.outside, "of pd are missing or no probability")
    yield _share("outside", "decision", no_decision, counts.decisions, limits.outside, "of decision are unknown")
    n = counts.with_values
    if n == 0:
        return
    for field in schema.scored_fields:
        histograms = baseline.categories if field.kind == "category" else baseline.numbers
        reference, current = histograms[field.name].reference(), counts.fields[field.name]
        if current.vanished:
            yield _certain("vanished", field.name, f"the field {field.name} is no longer recorded")
            continue
        yield _missing(field.name, reference[-1] / reference.sum(), baseline.rows, current, n, limits)
        wrong = current.outside + current.unreadable
        named = f" (such as {', '.join(current.strangers)})" if current.strangers else ""
        what = f"of {field.name} are out of range, unknown or unreadable{named}"
        yield _share("outside", field.name, wrong, n, limits.outside, what)
        varied = field.name not in limits.constant_fields and reference.max() / reference.sum() < NEARLY_CONSTANT
        if current.constant and varied and n >= limits.smallest_window:
            yield _certain("constant", field.name, f"{field.name} has one value only in {n:,} decisions")


def staleness(window: Window, last: datetime, limits: Limits) -> Check:
    """Hours from the last decision, of whichever window and model, to the end of the window."""
    hours = (window.end - last).total_seconds() / 3600
    return Check(
        "quality",
        "stale",
        "decisions",
        hours,
        limits.stale_hours,
        hours > limits.stale_hours,
        None,
        f"no decision was recorded for {hours:,.0f} hours (limit {limits.stale_hours:g})",
    )


def _missing(name: str, before: float, rows: int, current: FieldCounts, n: int, limits: Limits) -> Check:
    now = current.missing / n
    return Check(
        "quality",
        "missing",
        name,
        now - before,
        limits.missing_failure,
        now - before >= limits.missing_failure,
        share_rise((before * rows, rows), (current.missing, n)),
        f"{now:.1%} of {name} are missing, {before:.1%} in the reference",
    )


def _share(name: str, subject: str, count: float, n: int, limit: float, what: str) -> Check:
    """A share that should be 0, tested against the limit itself: a few slips in a small window are no failure."""
    share, p_value = count / n, share_above(limit, count, n)
    return Check("quality", name, subject, share, limit, share > limit, p_value, f"{share:.1%} {what} (n = {n:,})")


def _certain(name: str, subject: str, text: str) -> Check:
    return Check("quality", name, subject, 1.0, 1.0, True, None, text)
