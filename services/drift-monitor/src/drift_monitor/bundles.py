"""The bundles that the settings name, and what of the settings only they can tell. Does not know windows."""

from __future__ import annotations

import difflib

from credit_contract.bundle import Bundle, read_bundle
from credit_contract.errors import BundleError
from drift_monitor.errors import SettingsError
from drift_monitor.settings import Settings


def read_bundles(settings: Settings) -> dict[str, Bundle]:
    """The bundles of the settings by model digest.

    Raises:
        SettingsError: one cannot be read, they are of two portfolios, or none of them has a field that
            `limits.constant_fields` names.
    """
    try:
        bundles = [read_bundle(path) for path in settings.bundles]
    except BundleError as error:
        raise SettingsError(f"setting bundles: {error}") from None
    if len(portfolios := sorted({bundle.schema.dataset for bundle in bundles})) > 1:
        raise SettingsError(f"setting bundles: of {' and of '.join(portfolios)}; a monitor watches one portfolio")
    known = {field.name for bundle in bundles for field in bundle.schema.fields}
    for name in settings.limits.constant_fields:
        if name not in known:
            nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0)[0]
            raise SettingsError(
                f"setting limits.constant_fields: no bundle has a field {name}; did you mean {nearest}?"
            )
    return {bundle.digest: bundle for bundle in bundles}
