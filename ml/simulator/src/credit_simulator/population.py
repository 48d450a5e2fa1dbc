"""Who applies in a month: every field as it truly is, drawn around three hidden traits.

Wealth, stress (how badly money is managed or runs out) and digital habits tie the fields together; they are not fields
and do not enter the risk themselves. Does not know defaults, nor what goes wrong between an applicant and a database.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from credit_simulator.arrays import Columns, Floats, Objects
from credit_simulator.fields import NEW_CHANNEL
from credit_simulator.randomness import pick


@dataclass(frozen=True, slots=True)
class Climate:
    """What moves the population of one month.

    calendar_month: 1 to 12. stress and wealth: shifts in standard deviations. new_channel: share of applicants.
    """

    calendar_month: int
    seasonality: float = 1.0
    stress: float = 0.0
    wealth: float = 0.0
    new_channel: float = 0.0

    def season(self, peak: int) -> float:
        """Factor on a weight that peaks in a month of the year; 1 on average."""
        return float(np.exp(0.2 * self.seasonality * np.cos(2 * np.pi * (self.calendar_month - peak) / 12)))


@dataclass(frozen=True, slots=True)
class _Traits:
    wealth: Floats
    stress: Floats
    digital: Floats
    age: Floats

    def __len__(self) -> int:
        return len(self.age)


def draw(rng: np.random.Generator, n: int, climate: Climate) -> Columns:
    """All fields of n applicants except the leak; missing only what there truly is none of, such as an employer."""
    wealth, noise, digital = rng.standard_normal((3, n))
    age = np.round(18 + 60 * rng.beta(1.7, 2.9, n))
    traits = _Traits(
        wealth=wealth + climate.wealth,
        stress=0.94 * noise - 0.35 * wealth + climate.stress,
        digital=digital + 0.03 * (42 - age),
        age=age,
    )
    columns = _person(rng, traits)
    columns |= _loan(rng, traits, climate, columns)
    columns |= _bank(rng, traits)
    columns |= _bureau(rng, traits, columns)
    return columns


def _person(rng: np.random.Generator, traits: _Traits) -> Columns:
    age, n = traits.age, len(traits)
    employment = pick(
        rng,
        {
            "permanent": 0.60 + 0.0 * age,
            "public_sector": 0.13,
            "temporary": 0.14 * np.exp(0.03 * (35 - age)),
            "self_employed": 0.12 * np.exp(0.1 * traits.wealth),
            "retired": np.where(age > 58, np.exp(0.5 * (age - 64)), 0.0),
            "not_employed": 0.03 * np.exp(0.4 * traits.stress),
        },
        n,
    )
    region = pick(rng, {"north": 0.2, "south": 0.24, "east": 0.18, "west": 0.24, "capital": 0.14}, n)
    sex = pick(rng, {"female": 0.46, "male": 0.54}, n)
    return {
        "age": age,
        "sex": sex,
        "region": region,
        "employment_type": employment,
        "employment_years": _tenure(rng, age, employment),
        "net_income": _income(rng, traits, employment, region, sex),
        "housing": pick(
            rng,
            {
                "owner": 0.14 * np.exp(0.04 * (age - 42) + 0.3 * traits.wealth),
                "mortgage": 0.24 * np.exp(0.35 * traits.wealth - 0.0012 * (age - 42) ** 2),
                "tenant": 0.45 + 0.0 * age,
                "with_family": 0.12 * np.exp(0.06 * (34 - age)),
            },
            n,
        ),
    }


def _tenure(rng: np.random.Generator, age: Floats, employment: Objects) -> Floats:
    share_of_adult_life = rng.beta(1.0, 2.6, len(age)) * np.where(employment == "temporary", 0.25, 1.0)
    years = np.round(np.minimum((age - 17) * share_of_adult_life, 50), 1)
    without_employer = (employment == "retired") | (employment == "not_employed")
    return np.where(without_employer, np.nan, years)


def _income(rng: np.random.Generator, traits: _Traits, employment: Objects, region: Objects, sex: Objects) -> Floats:
    pay = {"public_sector": 0.05, "temporary": -0.2, "self_employed": 0.1, "retired": -0.3, "not_employed": -0.9}
    level = (
        7.75
        + 0.36 * traits.wealth
        + 0.2 * rng.standard_normal(len(traits))
        - 0.0005 * (traits.age - 48) ** 2
        + np.array([pay.get(kind, 0.0) for kind in employment])
        + np.where(region == "capital", 0.12, 0.0)
        - np.where(sex == "female", 0.08, 0.0)
    )
    income: Floats = np.clip(np.round(np.exp(level), -1), 300, 50_000)
    return income


def _loan(rng: np.random.Generator, traits: _Traits, climate: Climate, person: Columns) -> Columns:
    n = len(traits)
    purpose = pick(
        rng,
        {
            "car": 0.27 * climate.season(4),
            "home_improvement": 0.17 * climate.season(6) * np.where(person["housing"] == "tenant", 0.5, 1.4),
            "consolidation": 0.22 * np.exp(0.45 * traits.stress),
            "consumer_goods": 0.18 * climate.season(12),
            "education": 0.07 * np.exp(0.05 * (32 - traits.age)),
            "holiday": 0.09 * climate.season(7),
        },
        n,
    )
    size = {"car": 0.35, "home_improvement": 0.3, "consolidation": 0.25, "education": 0.0, "holiday": -0.7}
    level = np.array([size.get(kind, -0.5) for kind in purpose]) + 0.55 * rng.standard_normal(n)
    amount = np.exp(8.9 + 0.45 * np.log(person["net_income"] / 2300) + level)
    amount = np.clip(np.round(amount, -2), 500, 75_000)
    years = np.clip(np.round(3.4 + 1.1 * np.log(amount / 8000) + rng.standard_normal(n)), 1, 7)
    digital = np.exp(0.8 * traits.digital)
    channel = pick(rng, {"branch": 0.5, "online": 0.45 * digital, "broker": 0.17 * np.exp(0.3 * traits.stress)}, n)
    launched = rng.random(n) < climate.new_channel
    return {
        "purpose": purpose,
        "requested_amount": amount,
        "term_months": 12 * years,
        "channel": np.where(launched, NEW_CHANNEL, channel),
    }


def _bank(rng: np.random.Generator, traits: _Traits) -> Columns:
    n = len(traits)
    level = 7.2 + 0.9 * traits.wealth - 0.6 * traits.stress + 0.02 * (traits.age - 42) + 1.1 * rng.standard_normal(n)
    savings = np.where(rng.random(n) < 0.15, 0.0, np.round(np.exp(level), -1))
    loyalty = 1 / (1 + np.exp(0.6 - 0.02 * (traits.age - 42)))
    return {
        "savings_balance": np.minimum(savings, 500_000),
        "previous_customer": np.where(rng.random(n) < loyalty, "yes", "no").astype(object),
    }


def _bureau(rng: np.random.Generator, traits: _Traits, columns: Columns) -> Columns:
    n, stress = len(traits), traits.stress
    history = np.round((traits.age - 18) * 12 * rng.beta(2.0, 2.2, n))
    loans = np.minimum(rng.poisson(np.exp(0.1 + 0.25 * stress) * (history > 0)), 25)
    debt_each = np.exp(7.6 + 0.4 * np.log(columns["net_income"] / 2300) + 0.15 * stress + 0.7 * rng.standard_normal(n))
    debt = np.minimum(np.round(loans * debt_each, -2), 300_000)
    late = np.minimum(rng.poisson(np.exp(-1.9 + 0.8 * stress) * (history > 0)), 24)
    return {
        "oldest_account_months": history,
        "open_loans": loans.astype(float),
        "existing_debt": debt,
        "monthly_obligations": np.minimum(np.round(debt * rng.uniform(0.02, 0.045, n), -1), 20_000),
        "card_utilisation": _utilisation(rng, stress),
        "delinquencies_12m": late.astype(float),
        "months_since_delinquency": _recency(rng, stress, late > 0, history),
        "inquiries_6m": np.minimum(rng.poisson(np.exp(-0.1 + 0.35 * stress)), 30).astype(float),
    }


def _utilisation(rng: np.random.Generator, stress: Floats) -> Floats:
    n = len(stress)
    used = 1.1 / (1 + np.exp(0.9 - 0.9 * stress - 0.8 * rng.standard_normal(n)))
    return np.where(rng.random(n) < 0.14, np.nan, np.round(used, 3))


def _recency(rng: np.random.Generator, stress: Floats, late: Objects, history: Floats) -> Floats:
    """Within the last year after a late payment there, else longer ago or never, never before the oldest account."""
    n = len(stress)
    recent = np.minimum(rng.integers(0, 12, n), history)
    earlier = np.floor(12 + rng.random(n) * np.clip(history - 12, 0, 72))
    ever = (rng.random(n) < 1 / (1 + np.exp(1.6 - 0.5 * stress))) & (history > 12)
    return np.where(late, recent, np.where(ever, earlier, np.nan))
