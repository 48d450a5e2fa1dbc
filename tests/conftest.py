"""How the tests are dealt to workers: those that share a module's fixture go to one, so that it is made once."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        shared = (definitions[-1].scope for definitions in item._fixtureinfo.name2fixturedefs.values())
        if "module" in shared:
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))
