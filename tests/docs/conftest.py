from functools import cache

import pytest

from tests.docs.running import run_page


@pytest.fixture(scope="session")
def ran(tmp_path_factory):
    """Return a function that runs the examples of a page, once, and returns the names they define."""
    return cache(lambda page: run_page(page, tmp_path_factory.mktemp(page.path.stem)))
