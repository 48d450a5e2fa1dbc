"""Removes every file of NVIDIA's packages that importing torch does not load. Run once, while the image is built."""

from pathlib import Path

import torch

loaded = Path("/proc/self/maps").read_text(encoding="utf-8")
for path in (Path(torch.__file__).parents[1] / "nvidia").rglob("*"):
    if path.is_file() and str(path) not in loaded:
        path.unlink()
