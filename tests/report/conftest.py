"""Analyses with short proofs: what a report shows and says of them does not depend on how narrow they are."""

import pytest

from tests.conftest import with_few_boxes


@pytest.fixture(scope="package", autouse=True)
def few_boxes():
    with pytest.MonkeyPatch.context() as patch:
        with_few_boxes(patch)
        yield
