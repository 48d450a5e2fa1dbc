"""Every error of the service; each knows its `code` and the HTTP `status` that it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar

from credit_contract.errors import Problem


class ServiceError(Exception):
    """Base of all; the message is safe to show to a client: applicants' values are never in it."""

    code: ClassVar[str] = "service"
    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    closes: ClassVar[bool] = False
    """Whether the connection ends with it: where the rest of the request was not read."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What the answer's header must say beside the problem."""
        return {}


class SettingsError(ServiceError):
    """Settings that the service cannot run with; never over HTTP."""

    code = "settings"


class MalformedRequestError(ServiceError):
    """Bytes that are no HTTP request."""

    code = "malformed_request"
    status = HTTPStatus.BAD_REQUEST


class MalformedBodyError(ServiceError):
    """A body that is not what its content type says, is not UTF-8, or is nested too deep."""

    code = "malformed_body"
    status = HTTPStatus.BAD_REQUEST


class InvalidRowsError(ServiceError):
    """Rows that are refused field by field; `listed` tells a list from a single one in the paths."""

    code = "invalid_rows"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    row: ClassVar[str] = "row"
    """What one is called."""

    def __init__(self, problems: Sequence[Problem], *, listed: bool) -> None:
        first = problems[0]
        where = ", ".join(filter(None, [f"{self.row} {first.row}" if listed else "", first.field])) or "the body"
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{where}: {first.code}, expected {first.expected}{more}")
        self.problems = problems
        self.listed = listed


class InvalidApplicantError(InvalidRowsError):
    """Applicants that the schema refuses."""

    code = "invalid_applicant"
    row = "applicant"


class InvalidOutcomeError(InvalidRowsError):
    """Outcomes that are none."""

    code = "invalid_outcome"
    row = "outcome"


class InvalidRequestError(ServiceError):
    """A request that is well-formed and still cannot be served."""

    code = "invalid_request"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class UnauthorisedError(ServiceError):
    """No API key, or an unknown one."""

    code = "unauthorised"
    status = HTTPStatus.UNAUTHORIZED

    @property
    def headers(self) -> Mapping[str, str]:
        """RFC 9110 wants the scheme named."""
        return {"WWW-Authenticate": "ApiKey"}


class ForbiddenError(ServiceError):
    """A key that lacks the role."""

    code = "forbidden"
    status = HTTPStatus.FORBIDDEN


class NotFoundError(ServiceError):
    """Nothing of that name."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND


class MethodNotAllowedError(ServiceError):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    status = HTTPStatus.METHOD_NOT_ALLOWED

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(f"{method} is not allowed here, only {allowed}")
        self.allowed = allowed

    @property
    def headers(self) -> Mapping[str, str]:
        """RFC 9110 wants the allowed methods named."""
        return {"Allow": self.allowed}


class SlowRequestError(ServiceError):
    """A request that did not arrive in time."""

    code = "slow_request"
    status = HTTPStatus.REQUEST_TIMEOUT


class ConflictError(ServiceError):
    """A request that contradicts one under way: the same Idempotency-Key is being answered at this moment."""

    code = "conflict"
    status = HTTPStatus.CONFLICT


class BodyTooLargeError(ServiceError):
    """A body above the limit."""

    code = "body_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    closes = True


class TooManyApplicantsError(ServiceError):
    """More applicants in one request than allowed."""

    code = "too_many_applicants"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self, limit: int) -> None:
        super().__init__(f"at most {limit} applicants in such a request; split it")


class UnsupportedMediaTypeError(ServiceError):
    """A content type that the route does not read."""

    code = "unsupported_media_type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class UnsupportedCodingError(UnsupportedMediaTypeError):
    """A body that would have to be unpacked before it can be read, to whatever size."""

    code = "unsupported_coding"

    @property
    def headers(self) -> Mapping[str, str]:
        """RFC 9110 (15.5.16) wants the codings named that are taken."""
        return {"Accept-Encoding": "identity"}


class RateLimitedError(ServiceError):
    """More requests than the key may send."""

    code = "rate_limited"
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many requests for this key; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> Mapping[str, str]:
        """When to come back."""
        return {"Retry-After": str(self.retry_after_s)}


class HeadTooLargeError(ServiceError):
    """A request line and headers above the limit."""

    code = "head_too_large"
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class InternalError(ServiceError):
    """A fault of ours."""

    code = "internal"


class UnavailableError(ServiceError):
    """Cannot answer now; a retry is welcome."""

    code = "unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE

    @property
    def headers(self) -> Mapping[str, str]:
        """A second is enough for every case below."""
        return {"Retry-After": "1"}


class NotReadyError(UnavailableError):
    """No verified model, or the service is stopping."""

    code = "not_ready"


class OverloadedError(UnavailableError):
    """More requests in flight than allowed."""

    code = "overloaded"


class NoRoomError(OverloadedError):
    """The bodies of the requests under way take all the memory that they may."""

    closes = True


class JournalUnavailableError(UnavailableError):
    """Decisions cannot be made durable."""

    code = "journal_unavailable"
