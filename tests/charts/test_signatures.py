import fnmatch
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .rendering import ROOT, admission, containers, pod_template, program, run, workloads
from .signing import Authority, Registry

REPOSITORY = "https://github.com/example/credit-platform"


def policy(*settings: str) -> Any:
    found = admission(False, "--set", "signatures.required=true", *settings)
    (item,) = [item for item in found if item["kind"] == "ClusterImagePolicy"]
    return item


def test_signatures_are_asked_for_only_where_somebody_can_check_them() -> None:
    assert "ClusterImagePolicy" not in {item["kind"] for item in admission(False)}


def test_every_image_of_production_must_be_signed() -> None:
    (glob,) = [image["glob"] for image in policy()["spec"]["images"]]
    images = {
        container["image"].partition("@")[0].rpartition(":")[0]
        for target, found in workloads()
        if target.environment == "production" and not target.kind
        for container in containers(pod_template(found))
    }
    assert {image.rpartition("/")[2] for image in images} > {"scoring-api", "credit-model", "credit-training"}
    assert [
        image for image in images if not fnmatch.fnmatchcase(image, glob) or image.count("/") != glob.count("/")
    ] == []


def signing_workflows() -> set[str]:
    """Those with a step that signs, by itself or by what it calls."""
    signs = re.compile(r"run: make (sign|publish-models)\b")
    return {path.name for path in (ROOT / ".github/workflows").glob("*.yml") if signs.search(path.read_text())}


def test_who_signs_is_who_is_believed() -> None:
    (authority,) = policy()["spec"]["authorities"]
    (identity,) = authority["keyless"]["identities"]
    believed = re.compile(identity["subjectRegExp"])
    workflows = f"{REPOSITORY}/.github/workflows"
    assert len(signing_workflows()) == 2
    for name in signing_workflows():
        assert believed.fullmatch(f"{workflows}/{name}@refs/heads/main")
        assert not believed.fullmatch(f"{workflows}/{name}@refs/heads/other")
        assert not believed.fullmatch(f"{workflows}/{name}@refs/pull/1/merge")
    assert not believed.fullmatch(f"{workflows}/check.yml@refs/heads/main")
    assert not believed.fullmatch(f"{REPOSITORY}-fork/.github/workflows/image.yml@refs/heads/main")


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


AUTHORITY = Authority()
OURS = f"{REPOSITORY}/.github/workflows/image.yml@refs/heads/main"


def judged(registry: Registry, image: str, folder: Path) -> str:
    """What the policy controller's own judge says against an image, empty when it lets it in.

    An authority of our own takes Sigstore's place, and nothing is logged; identities are the policy's.
    """
    asked = policy("--set", f"cluster.registry={registry.address}/")
    (authority,) = asked["spec"]["authorities"]
    del authority["ctlog"]
    identities = authority["keyless"]["identities"]
    authority["keyless"] = {"identities": identities, "trustRootRef": "test", "insecureIgnoreSCT": True}
    for name, content in (("policy", asked), ("trust", AUTHORITY.trust())):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    given = (
        f"--policy={folder}/policy.yaml",
        f"--trustroot={folder}/trust.yaml",
        f"--image={registry.address}/scoring-api@{image}",
    )
    result = run(program("policy-tester"), *given)
    return "" if result.returncode == 0 else result.stdout + result.stderr


def test_what_our_workflow_signed_comes_in(registry: Registry, tmp_path: Path) -> None:
    image = registry.image("one")
    registry.sign(image, AUTHORITY, OURS)
    assert judged(registry, image, tmp_path) == ""


def test_an_unsigned_image_is_refused(registry: Registry, tmp_path: Path) -> None:
    assert "no signatures found" in judged(registry, registry.image("one"), tmp_path)


@pytest.mark.parametrize(
    "workflow",
    [
        OURS.replace("image.yml", "check.yml"),
        OURS.replace("heads/main", "pull/1/merge"),
        OURS.replace(REPOSITORY, "https://github.com/another/repository"),
    ],
)
def test_another_workflows_signature_is_refused(registry: Registry, tmp_path: Path, workflow: str) -> None:
    image = registry.image("one")
    registry.sign(image, AUTHORITY, workflow)
    assert "none of the expected identities matched" in judged(registry, image, tmp_path)


def test_another_authoritys_word_is_refused(registry: Registry, tmp_path: Path) -> None:
    image = registry.image("one")
    registry.sign(image, Authority(), OURS)
    assert "certificate signed by unknown authority" in judged(registry, image, tmp_path)


def test_another_images_signature_is_refused(registry: Registry, tmp_path: Path) -> None:
    image = registry.image("one")
    registry.sign(image, AUTHORITY, OURS, signed=registry.image("two"))
    assert "invalid or missing digest in claim" in judged(registry, image, tmp_path)
