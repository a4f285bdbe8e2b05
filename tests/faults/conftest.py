"""How much is tried, and the count of what was tried and what failed.

``make test`` runs the quick form. ``make faults`` runs the long one and prints the figures.
"""

import time
from contextlib import contextmanager

import pytest

pytest.register_assert_rewrite("tests.faults.work")

from .work import Work  # noqa: E402

TALLY = "tally"


class Tally:
    """Counts trials and keeps what went wrong in them."""

    def __init__(self):
        self.tried = 0
        self.failures = []

    @contextmanager
    def trial(self, label):
        """Count one trial; an exception is a failure, and the trials go on."""
        self.tried += 1
        try:
            yield
        except Exception as error:  # whatever a fault provoked is what is being counted
            self.failures.append(f"{label}: {type(error).__name__}: {error}")

    def add(self, tried, failures):
        """Count trials that were made elsewhere, in a batch or another process."""
        self.tried += tried
        self.failures += failures


@pytest.fixture
def size(request):
    """Return a function that picks the first of its two arguments, or the second in the long form."""
    return lambda quick, long: long if request.config.getoption("--long") else quick


@pytest.fixture
def tally(record_property):
    """Return a context manager: the trials of one kind, which fail the test together at the end."""

    @contextmanager
    def opened(what):
        counts, start = Tally(), time.perf_counter()
        yield counts
        seconds = time.perf_counter() - start
        record_property(TALLY, [what, counts.tried, len(counts.failures), seconds])
        assert counts.tried, f"nothing was tried: {what}"
        assert not counts.failures, f"{len(counts.failures)} failed:\n" + "\n".join(counts.failures[:10])

    return opened


@pytest.fixture(scope="session")
def done(tmp_path_factory):
    return Work.begin(tmp_path_factory.mktemp("done"))


@pytest.fixture
def work(tmp_path, done):
    """A folder of work that is done, to be disturbed; what children print goes beside it."""
    return done.copied(tmp_path / "work")
