"""The schema of the simulated portfolio: every field, what it means and what is plausible.

Does not know how values are drawn. Amounts are in EUR.
"""

from __future__ import annotations

from credit_contract.schema import FeatureSchema, Field

NEW_CHANNEL = "marketplace"

_LOAN = (
    Field(
        name="requested_amount",
        kind="number",
        unit="EUR",
        minimum=500,
        maximum=75_000,
        monotone="increasing",
        meaning="amount applied for",
        reason="The requested amount is high",
    ),
    Field(
        name="term_months",
        kind="integer",
        unit="months",
        minimum=6,
        maximum=96,
        meaning="contract term applied for",
        reason="The term requested",
    ),
    Field(
        name="purpose",
        kind="category",
        meaning="what the loan is for",
        reason="The purpose of the loan",
        categories=("car", "home_improvement", "consolidation", "consumer_goods", "education", "holiday"),
    ),
    Field(
        name="channel",
        kind="category",
        meaning="where the application came in",
        reason="The application channel",
        categories=("branch", "online", "broker", NEW_CHANNEL),
        labels={NEW_CHANNEL: "price comparison site; planned, without applicants until the scripted launch"},
    ),
)

_PERSON = (
    Field(
        name="net_income",
        kind="number",
        unit="EUR per month",
        minimum=300,
        maximum=50_000,
        monotone="decreasing",
        optional=True,
        meaning="stated net income; some do not state it",
        reason="The income is low for the obligations, or not stated",
    ),
    Field(
        name="employment_type",
        kind="category",
        meaning="kind of employment",
        reason="The kind of employment",
        categories=("permanent", "public_sector", "temporary", "self_employed", "retired", "not_employed"),
        aliases={"selfemployed": "self_employed", "pensioner": "retired"},
    ),
    Field(
        name="employment_years",
        kind="number",
        unit="years",
        minimum=0,
        maximum=50,
        monotone="decreasing",
        optional=True,
        meaning="time with the present employer; missing without one",
        reason="Short time with the present employer",
    ),
    Field(
        name="housing",
        kind="category",
        meaning="how the applicant lives",
        reason="The housing situation",
        categories=("owner", "mortgage", "tenant", "with_family"),
    ),
    Field(
        name="region",
        kind="category",
        meaning="region of residence",
        reason="The region of residence",
        categories=("north", "south", "east", "west", "capital"),
    ),
)

_BANK = (
    Field(
        name="savings_balance",
        kind="number",
        unit="EUR",
        minimum=0,
        maximum=500_000,
        monotone="decreasing",
        meaning="balance of savings accounts",
        reason="Savings are low",
    ),
    Field(
        name="previous_customer",
        kind="category",
        categories=("no", "yes"),
        meaning="had a loan with this lender before",
        reason="No earlier loan with this lender",
    ),
)

_BUREAU = (
    Field(
        name="existing_debt",
        kind="number",
        unit="EUR",
        minimum=0,
        maximum=300_000,
        monotone="increasing",
        meaning="outstanding on other loans, mortgages excluded",
        reason="Outstanding debt is high",
    ),
    Field(
        name="monthly_obligations",
        kind="number",
        unit="EUR per month",
        minimum=0,
        maximum=20_000,
        monotone="increasing",
        meaning="instalments on other loans, mortgages excluded",
        reason="Existing instalments are high",
    ),
    Field(
        name="open_loans",
        kind="integer",
        unit="loans",
        minimum=0,
        maximum=25,
        meaning="loans open at any lender",
        reason="The number of open loans",
    ),
    Field(
        name="card_utilisation",
        kind="number",
        unit="share of the limit",
        minimum=0,
        maximum=1.5,
        monotone="increasing",
        optional=True,
        meaning="card balance over card limit; missing without a card",
        reason="Card limits are largely used",
    ),
    Field(
        name="delinquencies_12m",
        kind="integer",
        unit="times",
        minimum=0,
        maximum=24,
        monotone="increasing",
        meaning="payments 30 or more days late in the last 12 months",
        reason="Late payments in the last 12 months",
    ),
    Field(
        name="months_since_delinquency",
        kind="integer",
        unit="months",
        minimum=0,
        maximum=120,
        monotone="decreasing",
        optional=True,
        meaning="months since the last late payment; missing if never late",
        reason="A late payment not long ago",
    ),
    Field(
        name="inquiries_6m",
        kind="integer",
        unit="inquiries",
        minimum=0,
        maximum=30,
        monotone="increasing",
        meaning="bureau inquiries by lenders in the last 6 months",
        reason="Many credit inquiries recently",
    ),
    Field(
        name="oldest_account_months",
        kind="integer",
        unit="months",
        minimum=0,
        maximum=720,
        monotone="decreasing",
        meaning="age of the oldest credit account; 0 without any",
        reason="The credit history is short",
    ),
)

_UNSCORED = (
    Field(name="age", kind="integer", unit="years", minimum=18, maximum=100, role="protected", meaning="age"),
    Field(name="sex", kind="category", categories=("female", "male"), role="protected", meaning="sex as registered"),
    Field(
        name="months_on_book",
        kind="integer",
        unit="months",
        minimum=1,
        maximum=36,
        role="leak",
        optional=True,
        meaning="months until default, else the whole performance window: known only afterwards",
    ),
)

SCHEMA = FeatureSchema(dataset="simulated", version="v2", fields=(*_LOAN, *_PERSON, *_BANK, *_BUREAU, *_UNSCORED))
