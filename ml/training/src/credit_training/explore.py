"""Exploratory analysis of a dataset version as one HTML page that needs no network.

Puts together profile, findings and plots; measures nothing itself.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from credit_training.explore_plots import (
    correlation_plot,
    drift_plot,
    field_plot,
    groups_plot,
    strength_plot,
    time_plot,
)
from credit_training.files import write_whole
from credit_training.findings import findings
from credit_training.prepare import Prepared
from credit_training.profile import Profile, profile


def explore(prepared: Prepared, folder: Path) -> Path:
    """Write `explore-<dataset>-<version>.html` into the folder and return its path.

    Raises:
        OutputError: the page cannot be written.
    """
    name = f"explore-{prepared.spec.name}-{prepared.version}.html"
    return write_whole(folder / name, page(profile(prepared)).encode())


def page(measured: Profile) -> str:
    """The page of a profile."""
    templates = Environment(
        loader=PackageLoader("credit_training"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("explore.html").render(
        profile=measured,
        spec=measured.prepared.spec,
        version=measured.prepared.spec.versions[measured.prepared.version],
        findings=findings(measured),
        strength=strength_plot([field for field in measured.fields if field.column.role == "used"]),
        correlations=correlation_plot(measured.correlations),
        groups=groups_plot(list(measured.groups), measured.bad_rate) if measured.groups else None,
        time=time_plot(measured.drift) if measured.drift else None,
        drift=drift_plot(measured.drift) if measured.drift else None,
        field_plots=[(field, field_plot(field, measured.bad_rate)) for field in measured.fields],
    )
