"""The bar of long runs, and none otherwise."""

import io
import sys

import pytest

from spectral_interp._common import progress as cost


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_long_run_on_a_terminal_states_its_size(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with cost.progress(10, seconds=5, size="path: 10 rows", unit="path") as advance:
        advance(10)
    assert "path: 10 rows: 100%" in sys.stderr.getvalue()


@pytest.mark.parametrize(("seconds", "stderr"), [(1, Terminal()), (5, io.StringIO()), (5, None)])
def test_others_take_no_lock_of_the_bar(monkeypatch, seconds, stderr):
    """A bar takes one even if it is disabled: a child forked meanwhile would hang at its own first bar."""
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(cost, "tqdm", None)
    with cost.progress(10, seconds=seconds, size="path: 10 rows", unit="path") as advance:
        advance(10)
