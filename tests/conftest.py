"""How the tests are dealt to workers: by file, so that what a module shares is made once; the slowest files first."""

SLOWEST = ("tests/training/test_run.py", "tests/drift_monitor/", "tests/scoring_api/")


def pytest_collection_modifyitems(items):
    items.sort(
        key=lambda item: next((i for i, slow in enumerate(SLOWEST) if item.nodeid.startswith(slow)), len(SLOWEST))
    )
