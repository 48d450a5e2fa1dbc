"""The Open Inference Protocol (v2), so that a KServe or Triton client works unchanged.

The tensors are the graph's own: `numbers` and `categories` as /v2/models/{name} describes them. A model's name is its
dataset's, its version the model digest or the tag.
"""

from __future__ import annotations

import re
from time import perf_counter
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from scoring_api import openapi, tensors
from scoring_api.arrays import read_arrays
from scoring_api.errors import InvalidRequestError, NotFoundError, NotReadyError, UnsupportedMediaTypeError
from scoring_api.handlers.context import Question, Service
from scoring_api.media import JSON, TENSORS, media_type
from scoring_api.service import ScoringService
from scoring_api.serving import Serving

router = APIRouter(prefix="/v2", tags=["open inference protocol"])

HEADER_LENGTH = "inference-header-content-length"
# More digits than any body has are more than Python reads as a number.
NUMBER = re.compile("[0-9]{1,18}")
OUTPUTS = {"pd": "FP32", "score": "INT64", "decision": "BYTES", "band": "BYTES", "reasons": "BYTES", "id": "BYTES"}
TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"enum": ["numbers", "categories"]},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2},
        "datatype": {"enum": ["FP32", "INT64"]},
        "parameters": {"type": "object"},
        "data": {"type": "array", "items": {}},
    },
}
REQUEST = {
    "type": "object",
    "required": ["inputs"],
    "properties": {"id": {"type": "string"}, "inputs": {"type": "array", "items": TENSOR}},
}
PROBLEMS = openapi.problems(404, 503)


@router.get("", summary="Server metadata")
async def server(request: Request) -> dict[str, Any]:
    return {"name": "scoring-api", "version": request.app.version, "extensions": ["binary_tensor_data"]}


@router.get("/health/live", summary="Alive")
async def live() -> dict[str, bool]:
    return {"live": True}


@router.get("/health/ready", summary="Ready", responses=openapi.problems(503))
async def ready(service: Service) -> dict[str, bool]:
    if fault := service.fault():
        raise NotReadyError(fault)
    return {"ready": True}


@router.get("/models/{name}", summary="Model metadata", responses=PROBLEMS)
@router.get("/models/{name}/versions/{version}", summary="Model metadata", responses=PROBLEMS)
async def metadata(service: Service, name: str, version: str | None = None) -> dict[str, Any]:
    bundle = _named(service, name, version).model.bundle
    widths = {"numbers": len(bundle.schema.number_fields), "categories": len(bundle.schema.category_fields)}
    datatypes = {"numbers": "FP32", "categories": "INT64"}
    return {
        "name": bundle.schema.dataset,
        "versions": [bundle.digest],
        "platform": "onnxruntime",
        "inputs": [{"name": n, "datatype": datatypes[n], "shape": [-1, width]} for n, width in widths.items()],
        "outputs": [{"name": n, "datatype": datatype, "shape": [-1]} for n, datatype in OUTPUTS.items()],
        "parameters": {
            "number_fields": [field.name for field in bundle.schema.number_fields],
            "category_fields": {field.name: list(field.categories) for field in bundle.schema.category_fields},
        },
    }


@router.get("/models/{name}/ready", summary="Model ready", responses=PROBLEMS)
@router.get("/models/{name}/versions/{version}/ready", summary="Model ready", responses=PROBLEMS)
async def model_ready(service: Service, name: str, version: str | None = None) -> dict[str, Any]:
    _named(service, name, version)
    return {"name": name, **await ready(service)}


@router.post(
    "/models/{name}/infer",
    summary="Score tensors",
    openapi_extra={"requestBody": openapi.body_of(REQUEST, files=False)},
    responses={**PROBLEMS, **openapi.SCORING_PROBLEMS},
)
@router.post(
    "/models/{name}/versions/{version}/infer",
    summary="Score tensors",
    openapi_extra={"requestBody": openapi.body_of(REQUEST, files=False)},
    responses={**PROBLEMS, **openapi.SCORING_PROBLEMS},
)
async def infer(
    request: Request, service: Service, question: Question, name: str, version: str | None = None
) -> Response:
    serving = _named(service, name, version)
    if "idempotency-key" in request.headers:
        raise InvalidRequestError("Idempotency-Key: is honoured by /v1/score, /predict and /api/prediction only")
    # Triton's own client names no type.
    if media_type(request.headers.get("content-type", JSON)) not in (JSON, TENSORS):
        raise UnsupportedMediaTypeError(f"send {JSON} or {TENSORS}")
    body, header_length, bundle = await request.body(), _header_length(request), serving.model.bundle
    start = perf_counter()
    wanted, arrays = tensors.decode(body, header_length, OUTPUTS)
    batch = read_arrays(bundle.schema, arrays, service.max_applicants)
    service.took([question], "parse", start, perf_counter())
    answer = await service.answer(serving, batch, question)
    columns = answer.columns()
    columns["reasons"] = [msgspec.json.encode(why).decode() for why in columns["reasons"]]
    head = {"model_name": name, "model_version": bundle.digest, "parameters": answer.head()}
    outputs = {column: (datatype, columns[column]) for column, datatype in OUTPUTS.items()}
    content, json_length = tensors.encode(wanted, head, outputs)
    if json_length is None:
        return Response(content, media_type=JSON)
    return Response(content, media_type=TENSORS, headers={HEADER_LENGTH: str(json_length)})


def _named(service: ScoringService, name: str, version: str | None) -> Serving:
    serving = service.serving
    model = serving.model
    if name != model.bundle.schema.dataset:
        raise NotFoundError(f"the model here is {model.bundle.schema.dataset}")
    if version not in (None, model.tag, model.bundle.digest):
        raise NotFoundError(f"the version here is {model.bundle.digest}, tagged {model.tag}")
    return serving


def _header_length(request: Request) -> int | None:
    told = request.headers.get(HEADER_LENGTH)
    if told is None:
        return None
    if not NUMBER.fullmatch(told):
        raise InvalidRequestError(f"{HEADER_LENGTH}: must be a number of bytes")
    return int(told)
