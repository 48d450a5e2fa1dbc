"""The body of routes that take one applicant as JSON."""

from __future__ import annotations

from fastapi import Request

from scoring_api.batch import Batch
from scoring_api.errors import InvalidRequestError, UnsupportedMediaTypeError
from scoring_api.media import JSON, media_type
from scoring_api.serving import Serving


def one_applicant(request: Request, body: bytes, serving: Serving) -> Batch:
    """A batch of one from a request and its body.

    Raises:
        UnsupportedMediaTypeError: not JSON.
        MalformedBodyError, InvalidApplicantError, InvalidRequestError: as the reader says, and for a list.
    """
    if media_type(request.headers.get("content-type", "")) != JSON:
        raise UnsupportedMediaTypeError(f"send {JSON}")
    batch = serving.reader.read(body)
    if batch.form != "one":
        raise InvalidRequestError("send one applicant; lists go to /v1/score")
    return batch
