import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from credit_contract.bundle import Draft, read_bundle, write_bundle
from credit_delivery import bundles, quarantine
from credit_delivery.cluster import checkout, images, nodes
from credit_delivery.cluster.images import Image
from credit_delivery.cluster.kubectl import items, kubectl
from credit_delivery.cluster.traffic import traffic
from credit_delivery.environments import (
    ImagePin,
    ModelPin,
    Name,
    Pin,
    image_file,
    model_file,
    read_image,
    with_pin,
)
from credit_delivery.load import Load

from .world import Platform, kept, steady, until

pytestmark = pytest.mark.e2e
ENVIRONMENT: Name = "production"
QUIET = 30.0
LAST_WORDS = "made to crash"


@dataclass(frozen=True)
class Bad:
    """A bad release: the alert that must fire, and what `status` must say of it."""

    environment: Name
    what: str
    alert: str
    causes: tuple[str, ...]


TAG = Bad(ENVIRONMENT, "a tag that does not exist", "ImageNotFound", ("credit-model:absent-9",))
GOLDEN = Bad(
    ENVIRONMENT,
    "a model whose golden applicants disagree",
    "RolloutStuck",
    ("a golden applicant's PD differs", "Deployment scoring-api: Deployment"),
)
IMAGE = Bad(
    "staging", "an image that does not exist", "ImageNotFound", ("scoring-api-migration-", "scoring-api:absent-9")
)
CRASH = Bad(ENVIRONMENT, "an image that crashes", "PodCrashLoops", ("CrashLoopBackOff", LAST_WORDS))
CHECK = Bad(
    "staging",
    "a golden check that is not answered",
    "GoldenCheckFailed",
    ("Job scoring-api-golden-check", "answered 401"),
)
TYPO = Bad(ENVIRONMENT, "values with a typo", "ManifestsDoNotRender", ("autoscalling",))


@pytest.fixture(scope="module")
def load(platform: Platform) -> Iterator[Load]:
    """Whoever asks production meanwhile: every request must be answered, by the model that was there before."""
    digest, before = platform.pin(ENVIRONMENT).modelDigest, platform.decisions(ENVIRONMENT)
    with traffic(ENVIRONMENT, QUIET, seed=3) as load:
        yield load
    seen = load.seen()
    platform.note("bad releases: requests to production meanwhile", seen.line())
    steady(seen, QUIET)
    assert set(seen.models) == {digest}
    kept(platform, ENVIRONMENT, before, seen)


def disagreeing(platform: Platform, folder: Path) -> ModelPin:
    """A model whose golden applicants are not what its graph says."""
    bundle = read_bundle(bundles.kept(checkout.current().root, platform.pin(ENVIRONMENT).tag))
    golden = bundle.golden.model_copy(update={"pd": (bundle.golden.pd[0] + 0.01, *bundle.golden.pd[1:])})
    manifest = bundle.manifest
    draft = Draft(
        dataset=manifest.dataset,
        commit=manifest.commit,
        config_sha256=manifest.config_sha256,
        seeds=manifest.seeds,
        libraries=manifest.libraries,
        model=bundle.model,
        schema=bundle.schema,
        policy=bundle.policy,
        baseline=bundle.baseline,
        golden=golden,
        evaluation=bundle.evaluation,
    )
    made = write_bundle(draft, folder / "disagreeing")
    image = images.build_model("disagreeing-1", made.path)
    nodes.load([image.reference])
    return ModelPin(tag=image.tag, modelDigest=made.digest, imageDigest=image.digest)


@pytest.fixture(scope="module", autouse=True)
def no_image_stays() -> Iterator[None]:
    yield
    subprocess.run(["docker", "image", "rm", "credit-model:disagreeing-1"], capture_output=True)


def crashing() -> ImagePin:
    """The service's image, which migrates as it should, but what serves ends at once."""
    path = image_file(CRASH.environment, "scoring-api")
    tag = read_image(checkout.current().text(path), path).tag
    ends = f'ENTRYPOINT ["sh", "-c", "test $0 != serve && exec scoring-api $0 $@; echo {LAST_WORDS} >&2; exit 1"]'
    dockerfile = f"FROM scoring-api:{tag}\nLABEL made-by=e2e\n{ends}\n"
    build = ["docker", "build", "--quiet", "-"]
    digest = subprocess.run(build, input=dockerfile, capture_output=True, text=True, check=True).stdout.strip()
    image = Image("scoring-api", "crashing-1", digest)
    subprocess.run(["docker", "tag", digest, image.reference], check=True)
    nodes.load([image.reference])
    return image.pin


@contextmanager
def unknown_key(environment: Name) -> Iterator[None]:
    """The golden check asks with a key that the service does not know."""
    (secret,) = [one for one in items("secrets", environment) if one["metadata"]["name"] == "scoring-api-keys"]

    def give(key: str) -> None:
        target = ("scoring-api-keys", "--namespace", environment, "--type", "merge")
        kubectl("patch", "secret", *target, "--patch", json.dumps({"data": {"GOLDEN_CHECK_KEY": key}}))

    give(base64.b64encode(b"golden-check.unknown").decode())
    try:
        yield
    finally:
        give(secret["data"]["GOLDEN_CHECK_KEY"])


def push(platform: Platform, path: str, pin: Pin) -> None:
    platform.push("Past promote", {path: with_pin(checkout.current().text(path), pin, path)})
    platform.remember()


def unheard(platform: Platform, *releases: Bad) -> None:
    """What fires later is of these releases."""
    for bad in releases:
        until(f"{bad.alert} clears", 600, lambda bad=bad: bad.alert not in platform.firing(bad.environment))


def noticed(platform: Platform, *releases: Bad) -> None:
    """The alert of each, and its cause in `status`."""
    began, silent = time.monotonic(), set(releases)

    def heard() -> bool:
        for bad in [bad for bad in silent if bad.alert in platform.firing(bad.environment)]:
            platform.note(f"{bad.what}: commit to {bad.alert} firing, s", round(time.monotonic() - began, 1))
            silent.remove(bad)
        return not silent

    until(f"{' and '.join(bad.alert for bad in releases)} fire", 600, heard)
    for bad in releases:
        assert not platform.well(bad.environment)
        until(f"status says {bad.causes}", 300, lambda bad=bad: told(platform, bad))


def told(platform: Platform, bad: Bad) -> bool:
    said = platform.run("status")
    return all(cause in said for cause in bad.causes)


def mended(platform: Platform, *releases: Bad) -> None:
    """A rollback of each, after which all is well."""
    for bad in releases:
        platform.roll_back(bad.environment, f"e2e: {bad.what}")
        _, took = until(f"{bad.environment} is well again", 600, lambda bad=bad: platform.well(bad.environment))
        platform.note(f"{bad.what}: rollback to Synced and Healthy, s", took)


@pytest.mark.usefixtures("load")
def test_a_model_and_an_image_that_do_not_exist(platform: Platform) -> None:
    unheard(platform, TAG, IMAGE)
    push(platform, model_file(TAG.environment), platform.pin(TAG.environment).model_copy(update={"tag": "absent-9"}))
    push(platform, image_file(IMAGE.environment, "scoring-api"), ImagePin(tag="absent-9", digest=f"sha256:{'9' * 64}"))
    noticed(platform, TAG, IMAGE)
    mended(platform, TAG, IMAGE)
    refusal = quarantine.read(checkout.current()).refusal("model", "absent-9", "")
    assert refusal
    assert "e2e" in refusal


@pytest.mark.usefixtures("load")
def test_a_model_whose_golden_applicants_disagree(platform: Platform, tmp_path: Path) -> None:
    model = disagreeing(platform, tmp_path)
    unheard(platform, GOLDEN)
    push(platform, model_file(GOLDEN.environment), model)
    noticed(platform, GOLDEN)
    mended(platform, GOLDEN)
    refusal = quarantine.read(checkout.current()).refusal("model", "under-another-name", model.modelDigest)
    assert refusal


@pytest.mark.usefixtures("load")
def test_an_image_that_crashes_beside_a_golden_check_that_is_not_answered(platform: Platform) -> None:
    image, checked = crashing(), f"environments/{CHECK.environment}/scoring-api.yaml"
    unheard(platform, CRASH, CHECK)
    with unknown_key(CHECK.environment):
        push(platform, image_file(CRASH.environment, "scoring-api"), image)
        platform.push("Scale out", {checked: f"{checkout.current().text(checked)}autoscaling:\n  maxReplicas: 7\n"})
        noticed(platform, CRASH, CHECK)
    mended(platform, CRASH, CHECK)
    again = platform.ask("bump", "scoring-api", "--tag", "renamed", "--digest", image.digest, "--kind")
    assert again.returncode == 1
    assert "quarantined" in again.stderr


@pytest.mark.usefixtures("load")
def test_values_with_a_typo(platform: Platform) -> None:
    typed = f"environments/{TYPO.environment}/scoring-api.yaml"
    before = checkout.current().text(typed)
    unheard(platform, TYPO)
    platform.push("Scale out", {typed: before.replace("autoscaling:", "autoscalling:")})
    noticed(platform, TYPO)
    mended(platform, TYPO)
    assert checkout.current().text(typed) == before


@pytest.mark.usefixtures("load")
def test_after_rollbacks_no_alert_stays(platform: Platform) -> None:
    unheard(platform, TAG, GOLDEN, IMAGE, CRASH, CHECK, TYPO)
