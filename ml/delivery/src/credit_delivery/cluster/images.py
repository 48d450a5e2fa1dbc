"""Container images built from the working tree, named by their content. Knows no cluster."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from credit_delivery.environments import ImagePin
from credit_delivery.programs import run

SERVICES = ("scoring-api", "drift-monitor", "tracking")
TRAINING = "credit-training"
DOCKERFILES = {name: f"services/{name}/Dockerfile" for name in SERVICES} | {TRAINING: "ml/training/Dockerfile"}
MODEL = Path("ml/delivery/images/credit-model")


@dataclass(frozen=True, slots=True)
class Image:
    """A local image; `tag` is made of its content, so the same content is the same name."""

    name: str
    tag: str
    digest: str

    @property
    def reference(self) -> str:
        """Name and tag."""
        return f"{self.name}:{self.tag}"

    @property
    def pin(self) -> ImagePin:
        """What an environment says to run it."""
        return ImagePin(tag=self.tag, digest=self.digest)


def build(names: Iterable[str]) -> list[Image]:
    """Build these images from the working tree, or take them from Docker's cache."""
    return [_tagged(name, _build(Path(DOCKERFILES[name]), Path())) for name in names]


def build_model(tag: str, bundle: Path) -> Image:
    """The image `credit-model:<tag>` that carries a bundle."""
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        shutil.copytree(MODEL, context, dirs_exist_ok=True)
        shutil.copytree(bundle, context / "bundle")
        for path in context.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return _tagged("credit-model", _build(context / "Dockerfile", context), tag)


def _build(dockerfile: Path, context: Path) -> str:
    """Build; gives the image's id. The two arguments are passed on only where the environment has them."""
    site = ["--network", "host", "--build-arg", "PIP_CERT", "--build-arg", "PIP_INDEX_URL"]
    command = ["docker", "build", "--quiet", *site, "--file", str(dockerfile), str(context)]
    return run(command, environment={"DOCKER_BUILDKIT": "1"}).strip()


def _tagged(name: str, digest: str, tag: str = "") -> Image:
    image = Image(name, tag or f"local-{digest.removeprefix('sha256:')[:12]}", digest)
    run(["docker", "tag", digest, image.reference])
    return image
