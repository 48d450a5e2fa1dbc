"""The registered candidate of a dataset, out of MLflow: the one thing that delivery asks the tracking store for.

Takes seconds to import, as MLflow does: only `build` needs it.
"""

from __future__ import annotations

from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from credit_contract.bundle import read_bundle
from credit_delivery.errors import ReleaseError
from credit_training.errors import RegistryError
from credit_training.registry import BUNDLE, CANDIDATE, Registry, registered_name


def download(dataset: str, home: Path, folder: Path, server: str = "") -> Path:
    """The bundle that carries the alias `candidate`, in `folder`; of a tracking server where one is named.

    Raises:
        ReleaseError: there is none, it is not the one that was registered, or the store cannot be used.
    """
    name = registered_name(dataset)
    try:
        address = server or Registry(home).address
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        version = client.get_model_version_by_alias(name, CANDIDATE)
        path = Path(client.download_artifacts(str(version.run_id), BUNDLE, str(folder)))
    except (MlflowException, RegistryError, OSError) as error:
        said = " ".join(str(error).split())
        raise ReleaseError(f"{name} has no candidate: {said}; `credit-train run dataset={dataset}` makes one") from None
    if (found := read_bundle(path).digest) != version.tags.get("digest"):
        raise ReleaseError(f"{name} version {version.version} was registered as another bundle than {found[:12]}")
    return path
