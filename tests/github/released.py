"""A repository's releases, as `credit-release build` records them."""

from pathlib import Path
from typing import Any

from credit_contract.bundle import Bundle
from credit_delivery import programs, record
from credit_delivery.record import Latency, ReleaseRecord

PERSON = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
DIGEST = "sha256:" + "a" * 64


def git(folder: Path, *arguments: str) -> str:
    return programs.run(["git", *PERSON, *arguments], folder=folder).strip()


def release(checkout: Path, bundle: Bundle, tag: str = "a", **other: Any) -> ReleaseRecord:
    told = {
        "tag": tag,
        "model_digest": bundle.digest,
        "policy_digest": bundle.policy_digest,
        "image": "ghcr.example/team/credit-model",
        "image_digest": DIGEST,
        "dataset": bundle.manifest.dataset,
        "commit": bundle.manifest.commit,
        "metrics": {},
        "gates": (),
        "latency": Latency(p50_us=1, p99_us=2),
        "parent": None,
    }
    made = ReleaseRecord.model_validate(told | other)
    path = checkout / record.file(tag)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(made.text())
    git(checkout, "add", "-A")
    git(checkout, "commit", "--quiet", "-m", f"Release {tag}")
    return made
