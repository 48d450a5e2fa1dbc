"""Become BentoML's own command."""

import os
import sys
from pathlib import Path

program = Path(sys.executable).with_name("bentoml")
options = ["--host", "127.0.0.1", "--port", sys.argv[1], "--working-dir", str(Path(__file__).parent)]
os.execv(program, [str(program), "serve", "service:Scorer", *options])  # noqa: S606 a fixed command
