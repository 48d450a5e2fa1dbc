"""The service behind every face: batch in, durable answer out. Knows the model, the journal and metrics; not HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from credit_contract.digest import sha256_bytes
from credit_contract.errors import BundleError
from credit_contract.schema import FeatureSchema
from scoring_api import scoring, serving
from scoring_api.answer import Answer
from scoring_api.ask import Ask
from scoring_api.batch import Batch, Rows
from scoring_api.errors import ConflictError, NotReadyError
from scoring_api.journal import Journal, Kept
from scoring_api.logs import log
from scoring_api.metrics import Metrics, Stage
from scoring_api.reasons import Reason
from scoring_api.recording import entries_of
from scoring_api.serving import Serving
from scoring_api.settings import Settings
from scoring_api.shadow import Shadow

# Above these a batch takes more than about a millisecond and goes to a thread: short requests must not wait for it.
INLINE = 256
INLINE_REASONS = 8
MAX_KEY = 255

Read = tuple[Serving, Batch]
"""Applicants, and the bundle in service by which they were read."""
Told = tuple[bytes, bool]
"""An answer, and whether it was given before."""
Done = TypeVar("Done")


class ScoringService:
    """Scores, explains, records."""

    def __init__(self, settings: Settings, metrics: Metrics, journal: Journal) -> None:
        self._settings = settings
        self._metrics = metrics
        self._journal = journal
        self._serving: Serving | None = None
        self._refusal = "the bundle is not loaded yet"
        self._answering: set[tuple[str, str]] = set()
        self._files = asyncio.Semaphore(1)  # one at a time: each takes kilobytes for every row
        self._reading = asyncio.Semaphore(1)
        self._shadow = Shadow(journal, metrics)
        self.draining = False

    def start(self) -> None:
        """Begin what goes on beside requests, in the running event loop."""
        self._shadow.start()

    async def close(self) -> None:
        """End it."""
        await self._shadow.close()

    def load(self, bundle: Path, tag: str, challenger: Path | None, model_digest: str = "") -> bool:
        """Serve this bundle, and score beside it by the challenger, from the next request on.

        False when either is refused, or the bundle is of another model than the one named; what served before still
        serves then.
        """
        try:
            loaded = serving.load(bundle, tag, self.max_applicants, challenger, model_digest)
        except BundleError as error:
            self._refusal = str(error)
            log.error("bundle refused", extra={"fields": {"bundle": str(bundle), "reason": str(error)}})
            return False
        self._serving = loaded
        told = loaded.model.bundle
        dataset = told.manifest.dataset
        self._metrics.serves(tag, loaded.label, dataset.name, dataset.version, told.policy.version)
        log.info("bundle loaded", extra={"fields": {"tag": tag, "model_digest": told.digest}})
        return True

    def fault(self) -> str | None:
        """Why the service is not ready, or None."""
        if self.draining:
            return "stopping"
        return self._refusal if self._serving is None else self._journal.fault()

    @property
    def loaded(self) -> bool:
        """Whether there is a bundle in service."""
        return self._serving is not None

    @property
    def serving(self) -> Serving:
        """The bundle in service.

        Raises:
            NotReadyError: there is none.
        """
        if self._serving is None:
            raise NotReadyError(self._refusal)
        return self._serving

    @property
    def label(self) -> str:
        """The short model digest for metrics; empty when none is loaded."""
        return self._serving.label if self._serving else ""

    @property
    def max_applicants(self) -> int:
        """How many applicants one request may have, files apart."""
        return self._settings.limits.max_applicants

    @property
    def journal(self) -> Journal:
        """Where decisions are kept."""
        return self._journal

    async def score_once(self, body: bytes, ask: Ask) -> Told:
        """A JSON body's answer as JSON, once for the question's key."""

        async def read() -> Read:
            serving = self.serving
            return serving, self.parsed(ask, lambda: serving.reader.read(body))

        return await self.once(ask, body, read, Answer.json)

    async def score_table(
        self, content: bytes, read: Callable[[FeatureSchema, int], Rows], tell: Callable[[Answer], bytes], ask: Ask
    ) -> Told:
        """A file's answer, once; `read` gives its rows for a schema, and may refuse more than a limit of them."""

        async def rows() -> Read:
            serving, limit = self.serving, self._settings.limits.max_file_applicants
            schema, start = serving.model.bundle.schema, perf_counter()
            batch = await asyncio.to_thread(lambda: serving.reader.judge_rows(read(schema, limit), "list", limit))
            self.took([ask], "parse", start, perf_counter())
            return serving, batch

        async with self._files:
            return await self.once(ask, content, rows, tell)

    async def read_alone(self, read: Callable[[], Done]) -> Done:
        """What `read` makes of a body, in a thread and one body at a time: it may take many times the body's memory."""
        async with self._reading:
            return await asyncio.to_thread(read)

    async def once(
        self, ask: Ask, asked: bytes, read: Callable[[], Awaitable[Read]], tell: Callable[[Answer], bytes]
    ) -> Told:
        """A question's answer in the words of `tell`; what was answered before to the same key and `asked`, if it was.

        Raises:
            ConflictError: the key was used for another question, or is being answered at this moment.
        """
        if ask.key is None:
            serving, batch = await read()
            answer = await self.answer(serving, batch, ask)
            return await in_words(answer, tell), False
        slot, asked_hash = (ask.caller, ask.key), sha256_bytes(asked)
        if slot in self._answering:
            raise ConflictError("a request with this Idempotency-Key is being answered; try again")
        self._answering.add(slot)
        try:
            kept = await self._journal.kept(*slot)
            if kept is None:
                serving, batch = await read()
                answer = await self._scored(serving, batch, ask)
                told = await in_words(answer, tell)
                await self._record(answer, ask, Kept(*slot, asked_hash, told))
                self.stands(serving, [answer])
                return told, False
        finally:
            self._answering.discard(slot)
        if kept.request_hash != asked_hash:
            raise ConflictError("this Idempotency-Key was used for a different body")
        return kept.answer, True

    async def answer(self, serving: Serving, batch: Batch, ask: Ask) -> Answer:
        """Score, explain and record a batch that was read by the same `serving`."""
        answer = await self._scored(serving, batch, ask)
        await self._record(answer, ask, None)
        self.stands(serving, [answer])
        return answer

    def record(self, answer: Answer, ask: Ask, kept: Kept | None = None) -> asyncio.Future[None] | None:
        """Make an answer durable; None where there is nothing to keep. Raises what the journal raises."""
        if not self._journal.keeps and kept is None:
            return None
        entries = entries_of(answer, ask, self._settings.image_digest) if self._journal.keeps else ()
        return self._journal.record(entries, kept)

    def stands(self, serving: Serving, answers: Sequence[Answer]) -> None:
        """What follows once answers are durable: they are counted, and the challenger, where there is one, scores."""
        decisions = _joined([answer.scores.decision for answer in answers])
        self._metrics.decided(serving.label, decisions, _joined([answer.scores.score for answer in answers]))
        if serving.challenger is not None:
            for answer in answers:
                self._shadow.offer(serving.challenger, answer)

    def parsed(self, ask: Ask, read: Callable[[], Batch]) -> Batch:
        """What `read` makes of a question's body, measured."""
        start = perf_counter()
        batch = read()
        self.took([ask], "parse", start, perf_counter())
        return batch

    def took(self, asks: Sequence[Ask], stage: Stage, start: float, end: float) -> None:
        """A stage of some questions, which all waited for its end."""
        self._metrics.took(stage, end - start, len(asks))
        for ask in asks:
            if ask.stages is not None:
                ask.stages.append((stage, start, end))

    async def _scored(self, serving: Serving, batch: Batch, ask: Ask) -> Answer:
        start = perf_counter()
        scores = await _beside(len(batch) > INLINE, lambda: scoring.score(serving.model, batch.encoded))
        scored = perf_counter()
        self.took([ask], "model", start, scored)
        told = scores.told_why(everybody=ask.explain)
        reasons: list[Sequence[Reason]] = [()] * len(scores)
        if told:
            part = batch.part(told)
            found = await _beside(len(told) > INLINE_REASONS, lambda: serving.explainer.reasons(part.encoded))
            for row, why in zip(told, found, strict=True):
                reasons[row] = why
            self.took([ask], "reasons", scored, perf_counter())
        return Answer(ask.request_id, serving.model, batch, scores, reasons)

    async def _record(self, answer: Answer, ask: Ask, kept: Kept | None) -> None:
        start = perf_counter()
        if (recorded := self.record(answer, ask, kept)) is not None:
            await recorded
            self.took([ask], "journal", start, perf_counter())


async def in_words(answer: Answer, tell: Callable[[Answer], bytes]) -> bytes:
    """An answer as `tell` writes it; of many applicants, beside the event loop."""
    return await _beside(len(answer.batch) > INLINE, lambda: tell(answer))


def _joined(parts: Sequence[list[Done]]) -> list[Done]:
    return parts[0] if len(parts) == 1 else list(chain.from_iterable(parts))


async def _beside(long: bool, step: Callable[[], Done]) -> Done:
    """What a step gives; a long one is taken in a thread."""
    return await asyncio.to_thread(step) if long else step()
