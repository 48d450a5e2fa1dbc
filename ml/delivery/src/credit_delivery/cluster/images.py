"""Container images built from the working tree, named by their content. Knows no cluster."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from credit_delivery.environments import ImagePin
from credit_delivery.programs import run, succeeds

SERVICES = ("scoring-api", "drift-monitor", "tracking")
TRAINING = "credit-training"
DOCKERFILES = {name: f"services/{name}/Dockerfile" for name in SERVICES} | {TRAINING: "ml/training/Dockerfile"}
ARGUMENTS = ("PIP_CERT", "PIP_INDEX_URL", "CREDIT_COMMIT")
MODEL = Path("ml/delivery/images/credit-model")
LOCAL = "local-"
"""What the tag of an image begins with that nobody but this machine has."""


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


def forget_old() -> list[str]:
    """Remove the images that newer ones of the same name replaced; gives those that stay, and every model's."""
    stay = _listed("credit-model:*")
    for name in DOCKERFILES:
        found = _listed(f"{name}:{LOCAL}*")
        # One that a container runs cannot be removed, and should not.
        stay += found[:1] + [old for old in found[1:] if not succeeds(["docker", "image", "rm", old])]
    return stay


def _listed(reference: str) -> list[str]:
    """Local images by a pattern of name and tag, the newest first."""
    command = ["docker", "image", "ls", "--filter", f"reference={reference}", "--format", "{{.Repository}}:{{.Tag}}"]
    return run(command).split()


def _build(dockerfile: Path, context: Path) -> str:
    """Build; gives the image's id. Arguments are passed on only where the environment has them."""
    arguments = [part for name in ARGUMENTS for part in ("--build-arg", name)]
    command = ["docker", "build", "--quiet", *arguments, "--file", str(dockerfile), str(context)]
    commit = run(["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]).strip()
    return run(command, environment={"DOCKER_BUILDKIT": "1", "CREDIT_COMMIT": commit}).strip()


def _tagged(name: str, digest: str, tag: str = "") -> Image:
    image = Image(name, tag or f"{LOCAL}{digest.removeprefix('sha256:')[:12]}", digest)
    run(["docker", "tag", digest, image.reference])
    return image
