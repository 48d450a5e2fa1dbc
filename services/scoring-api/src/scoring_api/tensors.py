"""The Open Inference Protocol (v2) on the wire: tensors in JSON or binary, in and out. Does not know applicants.

Sources: the protocol's REST document and its binary tensor data extension (kserve.github.io, "V2 protocol").
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import orjson

from scoring_api.errors import InvalidRequestError, MalformedBodyError

Array = npt.NDArray[Any]
DTYPES: Mapping[str, Any] = {"FP32": np.dtype("<f4"), "INT64": np.dtype("<i8")}
VALUES: Mapping[str, Any] = {"FP32": float | None, "INT64": int}
LARGEST = 2**31


class Requested(msgspec.Struct):
    """An output that the client wants."""

    name: str
    parameters: dict[str, Any] = {}


class Input(msgspec.Struct):
    """A tensor that came, its data still as it was in JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: msgspec.Raw = msgspec.Raw()


class InferRequest(msgspec.Struct):
    """The JSON part of a request."""

    inputs: list[Input]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: list[Requested] = []


_decoder = msgspec.json.Decoder(InferRequest)


def decode(body: bytes, header_length: int | None, outputs: Collection[str]) -> tuple[InferRequest, dict[str, Array]]:
    """A request for some of `outputs`, and its tensors by name; `header_length` is the JSON part's, when binary data
    follows it.

    Raises:
        MalformedBodyError, InvalidRequestError: with the tensor that does not fit, or the output that there is not.
    """
    if header_length is not None and not 0 <= header_length <= len(body):
        raise MalformedBodyError(f"Inference-Header-Content-Length is {header_length}, the body has {len(body)} bytes")
    try:
        request = _decoder.decode(body[:header_length])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBodyError(f"the body is no inference request: {error}") from None
    _check_outputs([output.name for output in request.outputs], outputs)
    rest = memoryview(body)[len(body) if header_length is None else header_length :]
    arrays: dict[str, Array] = {}
    for tensor in request.inputs:
        if tensor.name in arrays:
            raise InvalidRequestError(f"input {tensor.name} occurs twice")
        arrays[tensor.name], rest = _array(tensor, rest)
    if len(rest):
        raise InvalidRequestError(f"{len(rest)} bytes of binary data belong to no input")
    return request, arrays


def encode(
    request: InferRequest, head: Mapping[str, Any], outputs: Mapping[str, tuple[str, Sequence[Any]]]
) -> tuple[bytes, int | None]:
    """A response with the wanted outputs (datatype and values of each, all of shape [n]), and its JSON part's length
    when binary data follows.
    """
    everything = bool(request.parameters.get("binary_data_output", False))
    wanted = request.outputs or [Requested(name) for name in outputs]
    described, binary = [], []
    for requested in wanted:
        datatype, values = outputs[requested.name]
        tensor: dict[str, Any] = {"name": requested.name, "datatype": datatype, "shape": [len(values)]}
        if requested.parameters.get("binary_data", everything):
            content = _bytes(datatype, values)
            tensor["parameters"] = {"binary_data_size": len(content)}
            binary.append(content)
        else:
            tensor["data"] = values
        described.append(tensor)
    identified = {"id": request.id} if request.id is not None else {}
    text = orjson.dumps({**head, **identified, "outputs": described})
    return b"".join([text, *binary]), len(text) if binary else None


def _check_outputs(wanted: Sequence[str], known: Collection[str]) -> None:
    if unknown := [name for name in wanted if name not in known]:
        raise InvalidRequestError(f"there is no output {unknown[0][:100]}, only {', '.join(known)}")
    if len(set(wanted)) < len(wanted):
        raise InvalidRequestError("an output is wanted twice")


def _array(tensor: Input, rest: memoryview) -> tuple[Array, memoryview]:
    where = f"input {tensor.name[:100]}"
    dtype = DTYPES.get(tensor.datatype)
    if dtype is None:
        raise InvalidRequestError(f"{where}: datatype must be {' or '.join(DTYPES)}")
    if len(tensor.shape) != 2 or not all(0 <= size < LARGEST for size in tensor.shape):
        raise InvalidRequestError(f"{where}: shape must be [applicants, fields]")
    count = math.prod(tensor.shape)
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        return _from_json(tensor, dtype, where, count), rest
    if not isinstance(size, int) or size != count * dtype.itemsize or size > len(rest):
        raise InvalidRequestError(f"{where}: {count} values of {tensor.datatype} are {count * dtype.itemsize} bytes")
    return np.frombuffer(rest[:size], dtype=dtype).reshape(tensor.shape), rest[size:]


def _from_json(tensor: Input, dtype: Any, where: str, count: int) -> Array:
    value = VALUES[tensor.datatype]
    for layout in (list[value], list[list[value]]):  # type: ignore[valid-type]
        try:
            data: Any = msgspec.json.decode(tensor.data, type=layout)
            with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
                array = np.array(data, dtype=dtype)
        except (msgspec.MsgspecError, ValueError, OverflowError):
            continue
        if array.size == count:
            return array.reshape(tensor.shape)
    raise InvalidRequestError(f"{where}: data must be {count} values of {tensor.datatype}, flat or by applicant")


def _bytes(datatype: str, values: Iterable[Any]) -> bytes:
    if datatype == "BYTES":
        texts = [str(value).encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return np.array(values, dtype=DTYPES[datatype]).tobytes()
