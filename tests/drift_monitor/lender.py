import json

from credit_simulator import Scenario
from drift_monitor.cli import main

ONE_MONTH = ["--from", "2021-01-01", "--to", "2021-02-01"]


class Lender:
    """A month of decisions whose files can be tampered with before the monitor runs."""

    def __init__(self, portfolio, folder, months=1):
        scenario = Scenario(seed=12, start="2021-01", months=months, applicants_per_month=1500)
        self.files = portfolio.decide(portfolio, scenario, folder / "history")
        self.bundle, self.reports = portfolio.bundle, folder / "reports"
        self.decisions, self.outcomes = self.files.table, self.files.known

    def run(self, period=ONE_MONTH, *overrides):
        self.decisions.to_parquet(self.files.decisions)
        self.outcomes.to_parquet(self.files.outcomes)
        settings = {
            "bundles": f"[{self.bundle.path}]",
            "files.decisions": self.files.decisions,
            "files.outcomes": self.files.outcomes,
            "reports.folder": self.reports,
            "reports.sample": 0,
            "windows.every": "month",
        }
        code = main(["run", *period, *(f"{key}={value}" for key, value in settings.items()), *overrides])
        return code, [json.loads(path.read_text()) for path in sorted(self.reports.glob("*/verdict.json"))]

    def index(self):
        return json.loads((self.reports / "index.json").read_text())
