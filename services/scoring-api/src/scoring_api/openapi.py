"""The OpenAPI document with the real fields: names, ranges, categories and an example from the bundle's schema."""

from __future__ import annotations

from typing import Any

from credit_contract.bundle import Bundle
from credit_contract.policy import DECISIONS
from credit_contract.schema import FeatureSchema, Field
from scoring_api import problem
from scoring_api.preview import in_short
from scoring_api.typed import MONITORING

APPLICANTS = {"$ref": "#/components/schemas/Applicants"}
ANSWER = {"$ref": "#/components/schemas/Answer"}
APPLICANT = {"$ref": "#/components/schemas/Applicant"}
PREVIEW = "/v1/preview"
PREVIEWED = {
    "description": "What the applicant would get",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Preview"}}},
}
PREDICTED = {
    "description": "The applicant's result",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Prediction"}}},
}
REFUSALS = {
    400: "The body is not what its content type says",
    401: "No API key, or an unknown one",
    403: "The key lacks the role",
    404: "Nothing of that name",
    409: "It contradicts what is recorded or under way",
    413: "Too large, or too many applicants",
    415: "A content type that is not read here",
    422: "What the schema refuses, field by field",
    429: "More requests than the key may send",
    503: "Not ready, overloaded, or decisions cannot be made durable",
}
EXPLAIN = {
    "name": "explain",
    "in": "query",
    "description": "Give reasons for approved applicants too.",
    "schema": {"type": "boolean", "default": False},
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A retry under the same key gets the recorded answer, not a second decision.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def complete(document: dict[str, Any], bundle: Bundle | None, max_applicants: int) -> dict[str, Any]:
    """FastAPI's document with the schemas of the bundle in service, and the route that the edge answers."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= {"Answer": _answer(), "Prediction": _prediction(), "Preview": _preview(), "Problem": _problem()}
    schemas |= _applicants(bundle, max_applicants) if bundle else {"Applicants": {}}
    if bundle:
        parameters = document["paths"][PREVIEW]["post"]["parameters"]
        parameters[0]["schema"] = {"enum": [field.name for field in bundle.schema.scored_fields]}
    document["components"]["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
    document["security"] = [{"key": []}, {}]
    document["paths"] = {"/v1/score": {"post": _score()}, **document["paths"]}
    return document


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route."""
    content = {problem.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": REFUSALS[status], "content": content} for status in statuses}


REFUSED = (400, 401, 403, 413, 415, 422, 429, 503)
SCORING_PROBLEMS = problems(*REFUSED)


def body_of(schema: dict[str, Any], *, files: bool = True) -> dict[str, Any]:
    """The request body of a route that takes this as JSON, or a CSV file."""
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if files:
        file = {"type": "string", "contentMediaType": "text/csv"}
        form = {"type": "object", "required": ["file"], "properties": {"file": file}, "additionalProperties": False}
        content |= {"text/csv": {"schema": {"type": "string"}}, "multipart/form-data": {"schema": form}}
    return {"required": True, "content": content}


def _score() -> dict[str, Any]:
    answers = {"description": "One result for each applicant", "content": {"application/json": {"schema": ANSWER}}}
    return {
        "tags": ["scoring"],
        "summary": "Score applicants",
        "description": "One applicant, a list of them, or `columns` and `rows`. Every decision is durable before it is "
        "answered; refer and decline come with at most four reasons. Of a name that comes twice in one object the last "
        "value counts, for the score as for the record.",
        "operationId": "score",
        "parameters": [EXPLAIN, IDEMPOTENCY_KEY],
        "requestBody": body_of(APPLICANTS, files=False),
        "responses": {"200": answers, **{str(status): text for status, text in problems(409, *REFUSED).items()}},
    }


def _applicants(bundle: Bundle, max_applicants: int) -> dict[str, Any]:
    schema = bundle.schema
    one = {"$ref": "#/components/schemas/Applicant"}
    scored = schema.scored_fields
    row = {"type": "array", "prefixItems": [_property(f) for f in scored], "items": False, "minItems": len(scored)}
    rows = {"type": "array", "minItems": 1, "maxItems": max_applicants, "items": row}
    columns = {"const": [field.name for field in scored]}
    return {
        "Applicants": {
            "oneOf": [
                one,
                {"type": "array", "minItems": 1, "maxItems": max_applicants, "items": one},
                {"$ref": "#/components/schemas/Matrix"},
            ]
        },
        "Applicant": _applicant(schema, in_short(bundle.baseline.reference_applicant)),
        "Matrix": {
            "type": "object",
            "description": "Many applicants with the fields named once, in any order; the answer has `columns` too.",
            "required": ["columns", "rows"],
            "properties": {"columns": columns, "rows": rows},
            "additionalProperties": False,
        },
    }


def _applicant(schema: FeatureSchema, example: dict[str, Any]) -> dict[str, Any]:
    protected = {field.name: _property(field) for field in schema.fields if field.role == "protected"}
    monitoring = {
        "type": "object",
        "description": "Protected attributes for monitoring: stored apart, never scored.",
        "properties": protected,
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "description": f"An applicant of {schema.dataset} {schema.version}.",
        "required": [field.name for field in schema.scored_fields if not field.optional],
        "properties": {**{f.name: _property(f) for f in schema.fields}, MONITORING: monitoring},
        "additionalProperties": False,
        "example": example,
    }


def _property(field: Field) -> dict[str, Any]:
    scored = field.role == "used"
    notes = [field.meaning, f"In {field.unit}." if field.unit else "", "" if scored else f"Not scored ({field.role})."]
    described: dict[str, Any] = {"description": " ".join(filter(None, notes))}
    nullable = field.optional or not scored
    if field.kind == "category":
        return {**described, "enum": [*field.codes, None] if nullable else list(field.codes)}
    kind = field.kind
    low, high = field.bounds
    return {**described, "type": [kind, "null"] if nullable else kind, "minimum": low, "maximum": high}


def _result() -> dict[str, Any]:
    reason = _object(field={"type": "string"}, text={"type": "string"}, contribution={"type": "number"})
    return {
        "id": {"type": "string"},
        "pd": {"type": "number", "minimum": 0, "maximum": 1},
        "score": {"type": "integer"},
        "decision": {"enum": list(DECISIONS)},
        "band": {"type": "string"},
        "reasons": {"type": "array", "maxItems": 4, "items": reason},
    }


def _said_once() -> dict[str, Any]:
    return {
        "request_id": {"type": "string"},
        "model_tag": {"type": "string"},
        "model_digest": {"type": "string"},
        "policy_version": {"type": "string"},
        "fields_not_scored": {"type": "array", "items": {"type": "string"}},
    }


def _answer() -> dict[str, Any]:
    described = _object(**_said_once())
    results = {"type": "array", "items": _object(**_result())}
    columns = _object(**{name: {"type": "array", "items": kind} for name, kind in _result().items()})
    described["properties"] |= {"results": results, "columns": columns}
    return described


def _prediction() -> dict[str, Any]:
    return _object(cus_id={"type": "string"}, **_said_once(), **_result())


def _preview() -> dict[str, Any]:
    outlook = {
        "pd": {"type": "number", "minimum": 0, "maximum": 1},
        "score": {"type": "integer"},
        "would_be": {"enum": list(DECISIONS)},
        "band": {"type": "string"},
    }
    point = _object(value={"type": ["number", "string", "null"]}, **outlook)
    curve = _object(field={"type": "string"}, points={"type": "array", "minItems": 1, "items": point})
    return _object(
        recorded={"const": False},
        model_tag={"type": "string"},
        model_digest={"type": "string"},
        policy_version={"type": "string"},
        cut_offs={
            "description": "Scores at the policy's PDs.",
            **_object(approve=outlook["score"], decline=outlook["score"]),
        },
        **outlook,
        curve={"oneOf": [curve, {"type": "null"}]},
    )


def _problem() -> dict[str, Any]:
    fault = _object(path={"type": "string"}, code={"type": "string"}, expected={"type": "string"})
    described = _object(
        type={"type": "string"},
        title={"type": "string"},
        status={"type": "integer"},
        detail={"type": "string"},
        code={"type": "string"},
        request_id={"type": "string"},
    )
    described["properties"]["problems"] = {"type": "array", "items": fault}
    return described


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}
