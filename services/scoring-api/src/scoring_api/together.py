"""Questions that arrive together are scored together: one run of the graph for all that one turn of the loop brought.

Adaptive batching (Crankshaw et al. 2017, "Clipper") with a window of zero: nobody waits for others to come, so one that
is alone is answered as soon as it would be anyhow. Each is read, refused, recorded and answered on its own, and what an
applicant is told does not depend on who else was there. Does not know HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import msgspec
import numpy as np

from credit_contract.applicant import Encoded
from scoring_api import scoring
from scoring_api.answer import Answer, Reasons
from scoring_api.ask import Ask
from scoring_api.batch import Batch, encode_all
from scoring_api.metrics import Stage
from scoring_api.reasons import Reason
from scoring_api.scoring import Scores
from scoring_api.service import INLINE, INLINE_REASONS, ScoringService, in_words
from scoring_api.serving import Serving

MOST = 64
"""Questions that are answered at once: in a greater crowd the first would wait for the last."""
MOST_APPLICANTS = 1_024
"""Applicants in one run of the graph: more of them leave the core's own cache."""
NOT_SCORED = Scores([], [], [], [])


class Question(msgspec.Struct):
    """A JSON body without a key. `told` is called once, with the answer as JSON or with why there is none."""

    ask: Ask
    body: bytes
    told: Callable[[bytes | BaseException], None]


class Read(msgspec.Struct):
    """A question that could be read, and what is known of its applicants so far."""

    question: Question
    batch: Batch
    scores: Scores = NOT_SCORED
    reasons: Reasons = ()


class Together:
    """Collects questions until the event loop has nothing more to read, then answers them."""

    def __init__(self, service: ScoringService) -> None:
        self._service = service
        self._waiting: list[Question] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, question: Question) -> None:
        """Answer this with what else arrives in this turn of the running event loop."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._answer)
        self._waiting.append(question)
        if len(self._waiting) >= MOST:
            self._answer()

    async def close(self) -> None:
        """Wait for what goes on beside the event loop."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _answer(self) -> None:
        questions, self._waiting = self._waiting, []
        try:
            serving = self._service.serving
        except Exception as error:
            for question in questions:
                question.told(error)
            return
        for some in _portions(self._read(serving, questions)):
            if len(some[0].batch) > INLINE:
                self._begin(self._alone(serving, some[0]))
            else:
                self._score(serving, some)

    def _read(self, serving: Serving, questions: Sequence[Question]) -> list[Read]:
        start = perf_counter()
        read: list[Read] = []
        for question in questions:
            try:
                read.append(Read(question, serving.reader.read(question.body)))
            except Exception as error:
                question.told(error)
        self._took(read, "parse", start)
        return read

    def _score(self, serving: Serving, some: Sequence[Read]) -> None:
        start = perf_counter()
        try:
            applicants = encode_all([one.batch for one in some])
            scores = scoring.score(serving.model, applicants)
        except Exception as error:
            _apart(lambda one: self._score(serving, [one]), some, error)
            return
        first = 0
        for one in some:
            one.scores = scores[first : first + len(one.batch)]
            one.reasons = [()] * len(one.batch)
            first += len(one.batch)
        self._took(some, "model", start)
        if not (places := scores.told_why()):
            self._finish(serving, some)
            return
        told, explained = [one for one in some if one.scores.told_why()], applicants[np.array(places)]
        self._finish(serving, [one for one in some if not one.scores.told_why()])
        if len(places) > INLINE_REASONS:
            self._begin(self._explain_aside(serving, told, explained))
        else:
            self._explain(serving, told, explained)

    def _explain(self, serving: Serving, some: Sequence[Read], explained: Encoded) -> None:
        start = perf_counter()
        try:
            _add_reasons(serving, some, explained)
        except Exception as error:
            _apart(lambda one: self._explain(serving, [one], _explained(one)), some, error)
            return
        self._took(some, "reasons", start)
        self._finish(serving, some)

    async def _explain_aside(self, serving: Serving, some: Sequence[Read], explained: Encoded) -> None:
        start = perf_counter()
        try:
            await asyncio.to_thread(_add_reasons, serving, some, explained)
        except Exception:
            self._explain(serving, some, explained)
            return
        self._took(some, "reasons", start)
        self._finish(serving, some)

    async def _alone(self, serving: Serving, one: Read) -> None:
        try:
            answer = await self._service.answer(serving, one.batch, one.question.ask)
            one.question.told(await in_words(answer, Answer.json))
        except Exception as error:
            one.question.told(error)

    def _finish(self, serving: Serving, some: Sequence[Read]) -> None:
        standing: list[Answer] = []
        for one in some:
            ask, start = one.question.ask, perf_counter()
            try:
                answer = Answer(ask.request_id, serving.model, one.batch, one.scores, one.reasons)
                told = answer.json()
                recorded = self._service.record(answer, ask)
            except Exception as error:
                one.question.told(error)
                continue
            if recorded is None:
                standing.append(answer)
                one.question.told(told)
            else:
                recorded.add_done_callback(partial(self._recorded, serving, one, answer, told, start))
        if standing:
            self._service.stands(serving, standing)

    def _recorded(
        self, serving: Serving, one: Read, answer: Answer, told: bytes, start: float, done: asyncio.Future[None]
    ) -> None:
        if (error := done.exception()) is not None:
            one.question.told(error)
            return
        self._took([one], "journal", start)
        self._service.stands(serving, [answer])
        one.question.told(told)

    def _took(self, some: Sequence[Read], stage: Stage, start: float) -> None:
        self._service.took([one.question.ask for one in some], stage, start, perf_counter())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _portions(read: Sequence[Read]) -> Iterator[list[Read]]:
    """Questions in their order, so many applicants at a time as keep nobody waiting; one that would, alone."""
    portion: list[Read] = []
    applicants = 0
    for one in read:
        size = len(one.batch)
        if portion and (applicants + size > MOST_APPLICANTS or max(size, len(portion[0].batch)) > INLINE):
            yield portion
            portion, applicants = [], 0
        portion.append(one)
        applicants += size
    if portion:
        yield portion


def _explained(one: Read) -> Encoded:
    """Those of a question who are told reasons."""
    return one.batch.part(one.scores.told_why()).encoded


def _add_reasons(serving: Serving, some: Sequence[Read], explained: Encoded) -> None:
    """For everybody who is told reasons, in one run: they are `explained`, in the order of the questions."""
    found = iter(serving.explainer.reasons(explained))
    for one in some:
        reasons: list[Sequence[Reason]] = [()] * len(one.batch)
        for row in one.scores.told_why():
            reasons[row] = next(found)
        one.reasons = reasons


def _apart(step: Callable[[Read], None], some: Sequence[Read], error: Exception) -> None:
    """What fails for all at once is tried for each alone, so that one question's fault is one answer's."""
    if len(some) == 1:
        some[0].question.told(error)
    else:
        for one in some:
            step(one)
