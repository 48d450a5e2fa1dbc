import shutil
from pathlib import Path

import pytest

from credit_contract.bundle import read_bundle
from credit_delivery.candidate import download
from credit_delivery.errors import ReleaseError
from credit_training.registry import BUNDLE, Registry, TrackedRun

from .world import World


@pytest.fixture(scope="module")
def home(released: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracking store whose candidate of `lender` is release a's bundle."""
    home = tmp_path_factory.mktemp("home")
    bundle = read_bundle(released.root / "var/releases/a")
    registry = Registry(home)
    run = registry.record(TrackedRun(released.dataset, "network", "0" * 40, {}, {"auc": 0.7}, {BUNDLE: [bundle.path]}))
    registry.register(run, bundle, [])
    return home


def test_the_registered_candidate_comes_back_whole(released: World, home: Path, tmp_path: Path) -> None:
    found = read_bundle(download("lender", home, tmp_path))
    assert found.digest == read_bundle(released.root / "var/releases/a").digest


def test_a_dataset_without_a_candidate_is_named(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"credit-other has no candidate: .*`credit-train run dataset=other`"):
        download("other", home, tmp_path)


def test_a_bundle_that_was_exchanged_after_registration_is_refused(released: World, home: Path, tmp_path: Path) -> None:
    (kept,) = home.glob("mlartifacts/**/bundle")
    shutil.copytree(released.root / "var/releases/b", kept, dirs_exist_ok=True)
    with pytest.raises(ReleaseError, match="was registered as another bundle than"):
        download("lender", home, tmp_path)
    shutil.copytree(released.root / "var/releases/a", kept, dirs_exist_ok=True)
