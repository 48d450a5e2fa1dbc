"""Limits: from which size on a difference matters. Part of the settings; whether it is chance is tested besides."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from credit_contract.schema import Frozen

Share = Annotated[float, Field(gt=0, lt=1)]


class Limits(Frozen):
    """Shares and differences of shares are between 0 and 1: 0.05 is five points."""

    alpha: Share = 0.002
    """Chance of a false alarm in one window, for each of the kinds of evidence."""
    smallest_window: Annotated[int, Field(ge=20)] = 100
    """With fewer decisions, or matured outcomes, only data quality is judged."""
    psi: Annotated[float, Field(gt=0)] = 0.1
    """PSI of a field or of the score; 0.1 is the industry's custom for a moderate shift (Siddiqi 2006)."""
    new_category: Share = 0.01
    """Share of a category that the reference never had."""
    missing: Share = 0.05
    """Rise of a field's missing share that counts as drift."""
    decision_rate: Share = 0.05
    """Change of the approval rate."""
    missing_failure: Share = 0.2
    """Rise of a field's missing share that counts as a data quality failure."""
    outside: Share = 0.01
    """Share of values beyond the plausible range, of no known category, or not readable."""
    constant_fields: tuple[str, ...] = ()
    """Fields of which a person knows why they have one value only, such as of a product that ended: no failure."""
    repeated: Share = 0.01
    """Share of decisions that came more than once."""
    stale_hours: Annotated[float, Field(gt=0, le=87_600)] = 24.0
    """Hours from the last decision to the end of a window; as shipped, every whole day without one is a failure."""
    estimated_gini: Share = 0.05
    """Fall of the estimated Gini below the model's evaluation."""
    default_rate: Share = 0.01
    """Matured default rate above the expected one."""
    realised_gini: Share = 0.1
    """Fall of the realised Gini below the one that the PDs promised for the same decisions, beyond chance."""
    calibration_ratio: Annotated[float, Field(gt=1)] = 3.0
    """Matured defaults over expected ones, or the reverse, from which PDs must not be used."""
    adverse_impact: Share = 0.8
    """Approval rate of a group over the highest of any group (29 CFR 1607.4(D))."""
