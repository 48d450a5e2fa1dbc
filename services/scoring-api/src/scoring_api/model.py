"""The model that is served: a verified bundle and its one ONNX session.

Proves itself before it answers: file hashes while reading, then every golden applicant. Does not know HTTP or policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from credit_contract.applicant import Encoded, check, encode
from credit_contract.bundle import MODEL, Bundle, read_bundle
from credit_contract.errors import ApplicantError, BundleError
from credit_contract.golden import TOLERANCE

INPUTS = {"numbers", "categories"}
OUTPUT = "pd"


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    """A bundle that reproduced its golden applicants here; `tag` is what people call it."""

    bundle: Bundle
    tag: str
    session: onnxruntime.InferenceSession

    def pd(self, applicants: Encoded) -> npt.NDArray[np.float32]:
        """The calibrated probability of default of each applicant: float32 [n]."""
        outputs = self.session.run([OUTPUT], applicants.feed())
        return np.asarray(outputs[0], dtype=np.float32)


def load(path: Path, tag: str) -> ServedModel:
    """Read, verify and prove a bundle.

    Raises:
        BundleError: a file is damaged or foreign, the graph does not run here, or a golden applicant's PD differs.
    """
    bundle = read_bundle(path)
    model = ServedModel(bundle, tag, _session(bundle.model))
    _prove(model)
    return model


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # One applicant takes microseconds: a second thread costs more than it gives, and spinning burns the core.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base below this
        raise BundleError(MODEL, f"ONNX Runtime refuses the graph: {str(error).splitlines()[0]}") from None
    names = {entry.name for entry in session.get_inputs()}
    if names != INPUTS or OUTPUT not in {entry.name for entry in session.get_outputs()}:
        raise BundleError(MODEL, f"inputs must be {sorted(INPUTS)} and an output {OUTPUT}, found {sorted(names)}")
    return session


def _prove(model: ServedModel) -> None:
    golden = model.bundle.golden
    schema = model.bundle.schema
    try:
        check(schema, golden.applicants)
        gap = golden.disagreement(model.pd(encode(schema, golden.applicants)))
    except ApplicantError as error:
        raise BundleError("golden.json", str(error)) from None
    except Exception as error:  # as above: whatever the runtime raises means that the graph does not run
        raise BundleError(MODEL, f"cannot score the golden applicants: {str(error).splitlines()[0]}") from None
    if gap > TOLERANCE:
        raise BundleError("golden.json", f"a golden applicant's PD differs by {gap:.2g}, allowed {TOLERANCE:g}")
