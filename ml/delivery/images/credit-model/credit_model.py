"""What the model image runs, with nothing but Python: copy the bundle into a pod, or check a running service with it.

Errors are one line and exit code 1. The API key is in the environment variable API_KEY.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("bundle")
TOLERANCE = 1e-6
AT_ONCE = 100
PATIENCE_S = 60.0


class Refused(Exception):  # noqa: N818 - printed as a sentence
    """The bundle or the service is not what git says."""


def place(directory: Path, digest: str) -> str:
    """Copy the bundle's files.

    Raises:
        Refused: it is another bundle.
    """
    verify(digest)
    for path in sorted(SOURCE.iterdir()):
        shutil.copyfile(path, directory / path.name)
    return f"placed {digest[:12]} in {directory}"


def check(url: str, digest: str) -> str:
    """Score the golden applicants through the service; while an update's last pods leave, wait for them.

    Raises:
        Refused: another digest answers, or a PD differs.
    """
    verify(digest)
    golden = json.loads((SOURCE / "golden.json").read_text())
    applicants, expected = golden["applicants"], golden["pd"]
    until = time.monotonic() + PATIENCE_S
    for start in range(0, len(applicants), AT_ONCE):
        answer = ask(url, applicants[start : start + AT_ONCE])
        while answer["model_digest"] != digest and time.monotonic() < until:
            time.sleep(1)
            answer = ask(url, applicants[start : start + AT_ONCE])
        if answer["model_digest"] != digest:
            raise Refused(f"model {answer['model_digest'][:12]} answers, git names {digest[:12]}")
        for row, result in enumerate(answer["results"], start):
            if not abs(result["pd"] - expected[row]) <= TOLERANCE:
                raise Refused(f"golden applicant {row}: PD {result['pd']!r}, the bundle says {expected[row]!r}")
    return f"{len(expected)} golden applicants agree with {digest[:12]}"


def verify(digest: str) -> None:
    """Refuse a bundle whose manifest does not have this SHA-256; the service verifies every other file by it."""
    found = hashlib.sha256((SOURCE / "manifest.json").read_bytes()).hexdigest()
    if found != digest:
        raise Refused(f"this image carries the bundle {found[:12]}, git names {digest[:12]}")


def ask(url: str, applicants: list[dict[str, Any]]) -> dict[str, Any]:
    """One request for some applicants."""
    headers = {"Content-Type": "application/json", "X-API-Key": os.environ["API_KEY"]}
    request = urllib.request.Request(f"{url}/v1/score", json.dumps(applicants).encode(), headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        raise Refused(f"{url} answered {error.code}: {error.read(500).decode(errors='replace')}") from None
    except OSError as error:
        raise Refused(f"{url} does not answer: {error}") from None
    return answer


def main(arguments: list[str]) -> int:
    """Run a command.

    place DIRECTORY DIGEST    copy the bundle, unless its digest is not the one that git names
    check URL DIGEST          the service must answer each golden applicant with this digest and the bundle's PD
    """
    try:
        match arguments:
            case ["place", directory, digest]:
                print(place(Path(directory), digest))
            case ["check", url, digest]:
                print(check(url, digest))
            case _:
                print("usage: place DIRECTORY DIGEST | check URL DIGEST", file=sys.stderr)
                return 2
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
