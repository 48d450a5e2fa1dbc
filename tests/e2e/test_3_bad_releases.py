import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from credit_contract.bundle import Draft, read_bundle, write_bundle
from credit_delivery import bundles, quarantine
from credit_delivery.cluster import checkout, images, nodes
from credit_delivery.cluster.images import Image
from credit_delivery.cluster.traffic import traffic
from credit_delivery.environments import ImagePin, ModelPin, Pin, image_file, model_file, with_pin
from credit_delivery.load import Load

from .world import Platform, kept, steady, until

pytestmark = pytest.mark.e2e
ENVIRONMENT = "production"
QUIET = 30.0


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
    """The service's image, but what serves ends at once."""
    path = image_file(ENVIRONMENT, "scoring-api")
    tag = yaml.safe_load(checkout.current().text(path))["image"]["tag"]
    ends = 'ENTRYPOINT ["sh", "-c", "test $0 != serve && exec scoring-api $0 $@"]'
    dockerfile = f"FROM scoring-api:{tag}\nLABEL made-by=e2e\n{ends}\n"
    build = ["docker", "build", "--quiet", "-"]
    digest = subprocess.run(build, input=dockerfile, capture_output=True, text=True, check=True).stdout.strip()
    image = Image("scoring-api", "crashing-1", digest)
    subprocess.run(["docker", "tag", digest, image.reference], check=True)
    nodes.load([image.reference])
    return image.pin


def push(platform: Platform, path: str, pin: Pin) -> None:
    platform.push("Past promote", {path: with_pin(checkout.current().text(path), pin, path)})
    platform.remember()


def mended(platform: Platform, what: str, alert: str, cause: str) -> None:
    """The alert, the cause in `status`, then a rollback after which all is well."""
    _, took = until(f"{alert} fires", 600, lambda: alert in platform.firing(ENVIRONMENT))
    platform.note(f"{what}: commit to {alert} firing, s", took)
    assert not platform.well(ENVIRONMENT)
    until(f"status says {cause}", 300, lambda: cause in platform.run("status"))
    platform.roll_back(ENVIRONMENT, f"e2e: {what}")
    _, took = until("production is well again", 600, lambda: platform.well(ENVIRONMENT))
    platform.note(f"{what}: rollback to Synced and Healthy, s", took)
    until(f"{alert} clears", 600, lambda: alert not in platform.firing(ENVIRONMENT))


@pytest.mark.usefixtures("load")
def test_a_tag_that_does_not_exist(platform: Platform) -> None:
    path = model_file(ENVIRONMENT)
    push(platform, path, platform.pin(ENVIRONMENT).model_copy(update={"tag": "absent-9"}))
    mended(platform, "a tag that does not exist", "ImageNotFound", "absent-9")
    refusal = quarantine.read(checkout.current()).refusal("model", "absent-9", "")
    assert refusal
    assert "e2e" in refusal


@pytest.mark.usefixtures("load")
def test_a_model_whose_golden_applicants_disagree(platform: Platform, tmp_path: Path) -> None:
    pin = disagreeing(platform, tmp_path)
    push(platform, model_file(ENVIRONMENT), pin)
    mended(platform, "a model whose golden applicants disagree", "RolloutStuck", "a golden applicant's PD differs")
    refusal = quarantine.read(checkout.current()).refusal("model", "under-another-name", pin.modelDigest)
    assert refusal


@pytest.mark.usefixtures("load")
def test_an_image_that_crashes(platform: Platform) -> None:
    pin = crashing()
    push(platform, image_file(ENVIRONMENT, "scoring-api"), pin)
    mended(platform, "an image that crashes", "PodCrashLoops", "CrashLoopBackOff")
    again = platform.ask("bump", "scoring-api", "--tag", "renamed", "--digest", pin.digest, "--kind")
    assert again.returncode == 1
    assert "quarantined" in again.stderr


@pytest.mark.usefixtures("load")
def test_values_with_a_typo(platform: Platform) -> None:
    path = f"environments/{ENVIRONMENT}/scoring-api.yaml"
    text = checkout.current().text(path)
    platform.push("Scale out", {path: text.replace("autoscaling:", "autoscalling:")})
    mended(platform, "values with a typo", "ManifestsDoNotRender", "autoscalling")
    assert checkout.current().text(path) == text
