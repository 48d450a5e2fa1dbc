"""The scoring API: answers applicants with a PD, a score, a decision and its reasons, and proves which model did.

handlers (HTTP) -> scoring (pure) -> journal (storage). Imports the contract; never training, never torch.
"""

import os

# ONNX Runtime reports to its maker unless it is told not to before it is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
