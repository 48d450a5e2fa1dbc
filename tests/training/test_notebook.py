from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "ml" / "training" / "notebooks" / "explore.ipynb"


def test_the_notebook_runs_and_shows_findings_and_plots(lender, monkeypatch):
    monkeypatch.setenv("DATASET", str(lender.yaml))
    monkeypatch.setenv("VERSION", "v1")
    monkeypatch.setenv("CREDIT_HOME", str(lender.home))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120).execute()
    shown = str([cell.outputs for cell in notebook.cells if cell.cell_type == "code"])
    assert "200 applicants" in shown
    assert shown.count("data:image/svg+xml") == 6


def test_the_notebook_is_committed_without_output():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
