"""What handlers take from a request: the service, the caller, the question. No rules of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import Depends, Header, Request, Response

from scoring_api import access
from scoring_api.access import Access, Caller, Role
from scoring_api.ask import Ask
from scoring_api.metrics import Metrics
from scoring_api.reply import REPLAYED
from scoring_api.service import MAX_KEY, ScoringService, Told


def _service(request: Request) -> ScoringService:
    service: ScoringService = request.app.state.service
    return service


def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


def requires(role: Role) -> Callable[[Request], Caller]:
    """A dependency that gives the caller, or refuses without the role."""

    def caller(request: Request) -> Caller:
        keys: Access = request.app.state.access
        key = request.headers.get(access.HEADER.decode())
        return keys.caller(key.encode("latin-1") if key is not None else None, role)

    return caller


def _ask(request: Request, caller: Annotated[Caller, Depends(requires("score"))], explain: bool = False) -> Ask:
    state = request.state
    return Ask(state.request_id, caller.name, state.started, explain, stages=state.stages)


Question = Annotated[Ask, Depends(_ask)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=MAX_KEY,
        description="A retry under the same key gets the recorded answer, not a second decision.",
    ),
]


def _ask_once(ask: Question, key: IdempotencyKey = None) -> Ask:
    ask.key = key
    return ask


def answered(told: Told, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """The response that says whether its answer was given before."""
    content, again = told
    response = Response(content, media_type=media_type, headers=headers)
    if again:
        response.raw_headers.append(REPLAYED)
    return response


Service = Annotated[ScoringService, Depends(_service)]
TheMetrics = Annotated[Metrics, Depends(_metrics)]
QuestionOnce = Annotated[Ask, Depends(_ask_once)]
