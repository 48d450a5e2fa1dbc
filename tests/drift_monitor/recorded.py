import json

from sqlalchemy import create_engine

from credit_simulator import SCHEMA
from scoring_api.journal.schema import upgrade
from scoring_api.journal.tables import applicants, decisions, monitoring_attributes, outcomes

SCORED = [field.name for field in SCHEMA.scored_fields]
SAME = ("id", "model_digest", "pd", "decision")


def fill(address, history):
    """The scoring API's own tables, with the same history in them."""
    engine = create_engine(address)
    upgrade(engine)
    rows = history.table.to_dict("records")
    empty = {column.name: "" for column in decisions.columns if column.name not in ("monitoring_hash",)}
    numbers = {"score": 600, "latency_us": 1}
    with engine.begin() as connection:
        connection.execute(
            decisions.insert(),
            [
                {**empty, **numbers, "sequence": place, **{name: row[name] for name in SAME},
                 "decided_at": row["decided_at"].isoformat(timespec="microseconds") + "Z"}
                for place, row in enumerate(rows)
            ],
        )  # fmt: skip
        connection.execute(
            applicants.insert(),
            [
                {"decision_id": row["id"], "salt": "s", "reference": None,
                 "applicant": json.dumps({name: None if row[name] != row[name] else row[name] for name in SCORED})}
                for row in rows
            ],
        )  # fmt: skip
        connection.execute(
            monitoring_attributes.insert(),
            [
                {
                    "decision_id": row["id"],
                    "salt": "s",
                    "attributes": json.dumps({"sex": row["sex"], "age": row["age"]}),
                }
                for row in rows
            ],
        )
        connection.execute(
            outcomes.insert(),
            [
                {"decision_id": row["decision_id"], "outcome": row["outcome"], "happened_on": row["recorded_at"].date(),
                 "recorded_at": row["recorded_at"].isoformat(timespec="microseconds") + "Z"}
                for row in history.known.to_dict("records")
            ],
        )  # fmt: skip
    return engine
