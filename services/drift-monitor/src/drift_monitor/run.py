"""One run: cut windows, judge each, publish. The same from the command line, in CI and in the long-lived process.

A run that dies leaves the last good index; windows that it had finished are overwritten by the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from credit_contract.bundle import Bundle
from drift_monitor.assessment import assess, assess_unmeasured
from drift_monitor.bundles import read_bundles
from drift_monitor.document import Index, Run, WindowLine, WindowVerdict, line_of
from drift_monitor.history import BEGINNING, History, open_files
from drift_monitor.journal import any_decided, open_journal
from drift_monitor.measurement import measure
from drift_monitor.report import load, render
from drift_monitor.retraining import act, order_for
from drift_monitor.settings import Settings
from drift_monitor.store import ReportStore
from drift_monitor.trainers import trainer
from drift_monitor.verdict import VerdictTable, read_table, worst
from drift_monitor.vintages import Vintages
from drift_monitor.windows import (
    LONGEST_DAYS,
    Window,
    cut_by_calendar,
    cut_by_count,
    first_period,
    last_border,
    last_decided,
    silence,
    stamp,
)


def run(
    settings: Settings, journal_url: str | None, start: datetime | None, end: datetime, *, now: datetime
) -> tuple[Run, list[WindowVerdict]]:
    """Judge the windows inside [start, end) and publish them; without `start`, those after the last published one.

    Raises:
        SettingsError: a bundle, table, source or place that cannot be used, or a secret that is missing, named.
        JournalError: the history cannot be read.
        ReportError: reports cannot be written, or another monitor writes them.
    """
    store = ReportStore(settings.reports.folder)
    with store.locked():
        return _run(settings, journal_url, start, end, now, store)


def _run(
    settings: Settings,
    journal_url: str | None,
    start: datetime | None,
    end: datetime,
    now: datetime,
    store: ReportStore,
) -> tuple[Run, list[WindowVerdict]]:
    bundles, table = read_bundles(settings), read_table(settings.verdict_table)
    starter = trainer(settings.retraining)
    known = _standing(settings, store.index(), now)
    since = _resume(settings, known) if start is None else start
    vintages = Vintages(known.windows if known else (), since, bundles, settings.performance.pooled_windows)
    with ThreadPoolExecutor(max_workers=1) as aside:
        if settings.reports.sample and _report_is_due(settings, journal_url, bundles, since, end):
            aside.submit(load)  # while the journal is copied
        with open_history(settings, journal_url, bundles, vintages, since, end) as history:
            windows = vintages.place(_cut(settings, history, since, end, known if start is None else None))
            waiting = _waiting_since(known, windows[0].start) if windows else end
            if settings.reports.sample and any(window.digest in bundles for window in windows):
                aside.submit(load)  # while the first window is counted
            verdicts = [_judge(settings, history, window, waiting, bundles, table, store) for window in windows]
            future, unplaced = history.row(
                f"SELECT count(*) FILTER (decided_at >= {stamp(end)}),"
                " count(*) FILTER (decided_at IS NULL OR model_digest IS NULL) FROM decisions"
            )
    finished = datetime.now(UTC)
    made = Run(
        started=now,
        finished=finished,
        seconds=(finished - now).total_seconds(),
        start=min((window.start for window in windows), default=start or end),
        end=end,
        verdict=worst([verdict.verdict for verdict in verdicts]),
        windows=len(verdicts),
        future_decisions=future,
        unplaced_decisions=unplaced,
    )
    _publish(settings, store, known, verdicts, made)
    dataset = next(iter(bundles.values())).schema.dataset
    decided = [verdict for verdict in verdicts if verdict.decisions] or _last_decided(store, known)
    order = order_for(decided, dataset, settings.performance.days)
    if order is not None and settings.retraining.by != "nothing":
        ledger = act(order, store.ledger(), settings.retraining, starter, finished)
        store.write_ledger(ledger)
    return made, verdicts


@contextmanager
def open_history(
    settings: Settings,
    journal_url: str | None,
    bundles: Mapping[str, Bundle],
    vintages: Vintages,
    since: datetime | None,
    end: datetime,
) -> Iterator[History]:
    """What windows inside [since, end) need of the history that the settings name: files, else the journal."""
    if settings.files.decisions is not None:
        with open_files(settings.files.decisions, settings.files.outcomes) as history:
            yield history
        return
    longest = timedelta(LONGEST_DAYS["year" if settings.windows.decisions else settings.windows.every])
    first = (since or end) - longest * settings.performance.pooled_windows
    if since is not None:
        # Back to where a model was last judged, which may be long ago, only if it decides again.
        reaches = {digest: vintages.since(Window(since, since + longest, digest, 0)) for digest in bundles}
        again = [digest for digest, reach in reaches.items() if reach < first]
        first = min([first, *(reaches[one] for one in again if any_decided(journal_url, [one], since, end))])
    back = timedelta(settings.performance.days)
    schemas = [bundle.schema for bundle in bundles.values()]
    with open_journal(journal_url, schemas, since, (first - back, end - back)) as history:
        yield history


def _standing(settings: Settings, known: Index | None, now: datetime) -> Index | None:
    """Without windows that are not over yet: when they were cut, a clock ran ahead.

    By count also without silences: one that lasts is cut anew, and after the next decision nothing is left to page.
    """
    by_count = settings.windows.decisions is not None
    over = [line for line in known.windows if line.end <= now and (line.decisions or not by_count)] if known else []
    return known and known.model_copy(update={"windows": tuple(over)})


def _waiting_since(known: Index | None, first: datetime) -> datetime:
    """Since when a decision has been waited for where the history holds none: since a published one, or the first."""
    decided = [line.end for line in known.windows if line.decisions and line.end <= first] if known else []
    return max(decided, default=first)


def _last_decided(store: ReportStore, known: Index | None) -> list[WindowVerdict]:
    """What a run without new decisions goes by: a training run that could not be started is due still."""
    decided = [line for line in known.windows if line.decisions] if known else []
    last = max((line.end for line in decided), default=None)
    return [store.verdict(line.window) for line in decided if line.end == last]


def _resume(settings: Settings, known: Index | None) -> datetime | None:
    """Where the last run ended; windows of a count are always cut from the first decision, to keep their borders."""
    if known is None or not known.windows or settings.windows.decisions is not None:
        return None
    return max(line.end for line in known.windows)


def _report_is_due(
    settings: Settings, journal_url: str | None, bundles: Mapping[str, Bundle], since: datetime | None, end: datetime
) -> bool:
    """Whether somebody decided in a whole period, as far as a journal tells that before it is copied."""
    if since is None or settings.windows.decisions is not None or settings.files.decisions is not None:
        return False
    border = last_border(settings.windows.every, end)
    return since < border and any_decided(journal_url, bundles, since, border)


def _cut(
    settings: Settings, history: History, begin: datetime | None, end: datetime, known: Index | None
) -> list[Window]:
    if settings.windows.decisions is not None:
        listed = known.windows if known else ()
        done, oldest = {line.window for line in listed}, listed[0].start if listed else BEGINNING
        cut = cut_by_count(history, settings.windows.decisions, begin or BEGINNING, end)
        fresh = [window for window in cut if window.name not in done and window.start >= oldest]
        return fresh + silence(history, end, settings.limits.stale_hours)
    begin = begin or first_period(history, settings.windows.every, end, settings.reports.keep_days)
    return [] if begin is None else cut_by_calendar(history, settings.windows.every, begin, end)


def _judge(
    settings: Settings,
    history: History,
    window: Window,
    waiting: datetime,
    bundles: Mapping[str, Bundle],
    table: VerdictTable,
    store: ReportStore,
) -> WindowVerdict:
    bundle = bundles.get(window.digest)
    if bundle is None:
        verdict = assess_unmeasured(window, last_decided(history, window.end) or waiting, table, settings.limits)
        store.write(verdict, {})
        return verdict
    measured = measure(history, window, bundle, settings.performance)
    verdict = assess(window, measured, bundle, table, settings.limits)
    files, reports = {}, settings.reports
    if reports.sample:
        rendered = render(history, window, bundle, reports.sample, reports.seed, settings.limits.psi, verdict.because)
        verdict = verdict.model_copy(update={"report_rows": rendered.rows})
        files = {"report.html": rendered.html, "report.json": rendered.json}
    store.write(verdict, files)
    return verdict


def _publish(
    settings: Settings, store: ReportStore, known: Index | None, verdicts: Iterable[WindowVerdict], made: Run
) -> None:
    lines: dict[str, WindowLine] = {line.window: line for line in known.windows} if known else {}
    lines |= {verdict.window: line_of(verdict) for verdict in verdicts}
    listed = sorted(lines.values(), key=lambda line: line.window)
    if listed:
        newest = max((line.end for line in listed if line.decisions), default=listed[-1].end)
        border = newest - timedelta(days=settings.reports.keep_days)
        listed = [line for line in listed if line.start >= border] or listed[-1:]
    store.write_index(Index(run=made, windows=tuple(listed)))
    store.expire({line.window for line in listed})
