import subprocess
import time

import pytest

from credit_delivery import history
from credit_delivery.cluster import checkout, nodes
from credit_delivery.cluster.images import Image
from credit_delivery.cluster.kubectl import items
from credit_delivery.cluster.traffic import traffic
from credit_delivery.environments import Name, image_file, read_image

from .world import RATE, Platform, answering, kept, steady, until

pytestmark = pytest.mark.e2e
NAME = "scoring-api"


def another(image: str) -> Image:
    """The same code under another digest, as the next build of it would be."""
    dockerfile = f"FROM {image}\nLABEL made-by=e2e\n"
    build = ["docker", "build", "--quiet", "-"]
    digest = subprocess.run(build, input=dockerfile, capture_output=True, text=True, check=True).stdout.strip()
    made = Image(NAME, f"next-{digest[7:19]}", digest)
    subprocess.run(["docker", "tag", digest, made.reference], check=True)
    return made


def runs_image(environment: Name, image: str) -> bool:
    """Whether every server pod is of this image, and as many are ready as git wants."""
    (deployment,) = [d for d in items("deployments", environment) if d["metadata"]["name"] == NAME]
    said, wanted = deployment["status"], deployment["spec"]["replicas"]
    pods = items("pods", environment, "--selector", "app.kubernetes.io/component=server,app.kubernetes.io/name=" + NAME)
    of_image = all(pod["spec"]["containers"][0]["image"].endswith(image) for pod in pods)
    return of_image and said.get("updatedReplicas") == said.get("availableReplicas") == wanted


def named_digests(environment: Name) -> set[str]:
    changes = history.history(checkout.current(), environment)
    return {change.pin.modelDigest for change in changes if change.pin}


def exchange(platform: Platform, environment: Name, tag: str, seed: int) -> None:
    """Promote a model and bump the image while requests come, then count."""
    before, began = platform.decisions(environment), time.monotonic()
    with traffic(environment, RATE, seed=seed) as load:
        until("requests are answered", 120, lambda: load.seen().answers["200"] > RATE)
        promoted = time.monotonic()
        platform.promote(environment, tag)
        platform.note(f"{environment}: evidence, approval and merge, s", round(time.monotonic() - promoted, 1))
        digest = platform.pin(environment).modelDigest
        what = f"{environment} answers with {tag} only"
        _, took = until(what, 300, lambda: platform.runs(environment, digest) and answering(load) == {digest})
        platform.note(f"{environment}: merge to all pods on the new model, s", took)
        until(f"{environment} is well", 300, lambda: platform.well(environment))
        bump(platform, environment)
        load.wait(began + platform.load_s - time.monotonic())
    seen = load.seen()
    platform.note(f"{environment}: requests at {RATE:.0f}/s during both and after", seen.line())
    steady(seen, RATE)
    assert set(seen.models) <= named_digests(environment)
    kept(platform, environment, before, seen)


def bump(platform: Platform, environment: Name) -> None:
    path = image_file("staging", NAME)
    if environment == "staging":
        made = another(f"{NAME}:{read_image(checkout.current().text(path), path).tag}")
        nodes.load([made.reference])
        platform.run("bump", NAME, "--tag", made.tag, "--digest", made.digest, "--kind")
    else:
        platform.run("bump", NAME, "--env", environment, "--kind")
    tag = read_image(checkout.current().text(path), path).tag
    _, took = until(f"{environment} runs {tag}", 300, lambda: runs_image(environment, tag))
    platform.note(f"{environment}: commit to all pods on the new image, s", took)
    until(f"{environment} is well", 300, lambda: platform.well(environment))


def test_production_takes_nothing_that_staging_has_not_confirmed(platform: Platform) -> None:
    refused = platform.ask("promote", platform.pin("staging").tag, "--to", "production", "--kind")
    assert refused.returncode == 1
    assert "not confirmed healthy in staging" in refused.stderr


def test_staging_changes_model_and_image_under_load(platform: Platform) -> None:
    platform.run("confirm", "--kind")
    exchange(platform, "staging", platform.pin("production").tag, seed=1)


def test_production_follows_under_load(platform: Platform) -> None:
    first = platform.named["staging"][0][1]
    exchange(platform, "production", first.tag, seed=2)


def test_status_names_no_disagreement(platform: Platform) -> None:
    assert "✗" not in platform.run("status")
