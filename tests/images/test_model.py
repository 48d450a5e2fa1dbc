from collections.abc import Iterator
from pathlib import Path

import pytest

from credit_contract.bundle import Bundle
from credit_delivery.cluster.images import build_model
from credit_delivery.supply_chain import image_content

from ..scoring_api.toy import make_bundle  # noqa: TID252 - the bundle of the service's own tests
from .conftest import docker

TAG = "read-by-a-test"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("model") / "bundle")


@pytest.fixture(scope="module")
def reference(bundle: Bundle) -> Iterator[str]:
    image = build_model(TAG, bundle.path)
    yield image.reference
    docker("image", "rm", image.reference)


def test_a_model_image_is_read_as_what_it_runs_with(reference: str, bundle: Bundle) -> None:
    content = image_content.read(reference)
    assert content.digest == bundle.digest
    kept = {Path(file.path).name for file in content.files}
    assert kept == {*bundle.manifest.files, "manifest.json", "credit_model.py"}
    packages = 'dpkg-query -W -f "\\${Package} \\${Version}\\n"'
    interpreter = "python -c \"import platform; print('python', platform.python_version())\""
    inside = docker("run", "--rm", "--network=none", "--entrypoint=sh", reference, "-c", f"{packages}; {interpreter}")
    found = {f"{part.name} {part.version}" for part in content.base if not part.purl.startswith("pkg:pypi/")}
    assert found == set(inside.splitlines())


def test_reading_a_model_image_leaves_no_container(reference: str) -> None:
    image_content.read(reference)
    assert docker("ps", "--all", "--quiet", "--filter", f"ancestor={reference}") == ""
