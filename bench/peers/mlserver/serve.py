"""Write MLServer's settings for a port and become it."""

import json
import os
import sys
from pathlib import Path

folder = Path(os.environ["WORK"])
port = int(sys.argv[1])
settings = {
    "host": "127.0.0.1",
    "http_port": port,
    "grpc_port": port + 1,
    "metrics_endpoint": None,
    "parallel_workers": 0,
    "debug": False,
}
model = {"name": "scorer", "implementation": "runtime.Scorer"}
(folder / "settings.json").write_text(json.dumps(settings))
(folder / "model-settings.json").write_text(json.dumps(model))
program = Path(sys.executable).with_name("mlserver")
os.execv(program, [str(program), "start", str(folder)])  # noqa: S606 a fixed command
