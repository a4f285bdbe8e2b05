"""Fixtures that several test files share.

The package is imported by the fixtures, not above: the process that starts the workers reads this file first
and needs nothing of it.
"""

import gc
import sys
from functools import partial
from importlib import import_module

import numpy as np
import pytest


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the long forms of tests (make faults)")


def pytest_collection_modifyitems(config, items):
    """Leave out the tests that only the long form has."""
    if not config.getoption("--long"):
        left_out = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish():
    """Spare the garbage collector what is here to stay: compiling makes it look through all of it, often."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter, config):
    """Print what the long form of tests/faults tried."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, [])]
    lines = [value for r in reports for name, value in r.user_properties if name == "tally"]
    if lines and config.getoption("--long"):
        terminalreporter.section("faults")
        terminalreporter.write_line(f"{'tried':>10} {'survived':>10} {'failed':>7} {'seconds':>8}  what")
        for what, tried, failed, seconds in sorted(lines):
            line = f"{tried:>10,} {tried - failed:>10,} {failed:>7,} {seconds:>8.0f}  {what}"
            terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def few_kernels(request):
    """Unroll the kernels of explanations for orders 3 and 5 alone: those of an order take seconds to compile.

    Order 5 is that of sums. Others get the kernels of large orders; the long form has those of all orders.
    """
    from spectral_interp.eigen import small
    from spectral_interp.pencil import coalitions, paths

    order_of = small.order_of
    with pytest.MonkeyPatch.context() as patch:
        for module in (small, coalitions, paths) if not request.config.getoption("--long") else ():
            patch.setattr(module, "order_of", lambda d: order_of(d) if d in (3, 5) else d)
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def diabetes():
    from spectral_interp.tables.reading import read_table, split_target

    return split_target(read_table("diabetes"), "progression", "diabetes")


@pytest.fixture(scope="session")
def breast_cancer():
    from spectral_interp.tables.reading import read_table, split_target

    return split_target(read_table("breast_cancer"), "diagnosis", "breast_cancer")


@pytest.fixture(scope="session")
def regressor(diabetes):
    from spectral_interp import SpectralRegressor

    X, y = diabetes
    return SpectralRegressor(dim=5, n_epochs=40, random_state=0, form="single").fit(X, y)


@pytest.fixture(scope="session")
def classifier(breast_cancer):
    from spectral_interp import SpectralClassifier

    X, y = breast_cancer
    return SpectralClassifier(dim=5, n_epochs=30, random_state=0, form="single").fit(X, y)


@pytest.fixture(scope="session")
def flowers():
    """Return a table with numbers, a gap and levels, and a target of three classes."""
    import pandas as pd

    rng, n = np.random.default_rng(0), 240
    y = pd.Series(np.array(["iris", "lily", "rose"], dtype=object)[np.arange(n) % 3], name="kind")
    X = pd.DataFrame({"petal": rng.normal(size=n) + 3.0 * (y == "rose"), "noise": rng.normal(size=n)})
    X["stem"] = rng.normal(size=n) + 1.5 * (y == "lily")
    X["soil"] = np.where((y == "iris") & (rng.random(n) < 0.7), "sand", rng.choice(["clay", "peat"], n))
    X.loc[5, "noise"] = np.nan
    names = pd.Index([f"f{i}" for i in range(n)], name="flower")
    return X.set_axis(names), y.set_axis(names)


@pytest.fixture(scope="session")
def florist(flowers):
    """Return a classifier of three classes, with baselines."""
    from spectral_interp import SpectralClassifier
    from spectral_interp.comparison.baselines import fit_baselines

    X, y = flowers
    est = SpectralClassifier(dim=5, n_epochs=40, random_state=0, form="single").fit(X, y)
    est.baselines_ = fit_baselines(est, X, y)
    return est


@pytest.fixture(scope="session")
def chromium():
    from tests.browser import open_chromium

    driver = open_chromium()
    yield driver
    driver.quit()


@pytest.fixture
def random_pencil(rng):
    """Return a function that draws a tridiagonal pencil with p features of order d."""
    from spectral_interp import Pencil

    return lambda p, d, k=None: Pencil(
        rng.normal(size=(p + 1, d)), rng.normal(size=(p + 1, d - 1)), d // 2 if k is None else k
    )


def undrawn(draw, height, formats):
    """Stand in for ``spectral_interp.report.writing.draw_figure``."""
    return dict.fromkeys(formats, bytes(24))


def with_few_boxes(patch):
    """Let the searches and proofs of an analysis, which take most of its time, end after few boxes."""
    plots = "spectral_interp.plots"  # where figures have the names of their modules
    for module, name in (
        (f"{plots}.central_slopes", "BOXES"),
        (f"{plots}.proven_ranges", "BOXES"),
        ("spectral_interp.report.subject", "CELLS"),
    ):
        patch.setattr(import_module(module), name, 4)


@pytest.fixture
def no_drawings(monkeypatch):
    """Write analyses without their figures, which take most of the time."""
    from spectral_interp.report import writing

    monkeypatch.setattr(writing, "draw_figure", undrawn)


@pytest.fixture
def no_figures(monkeypatch, no_drawings):
    """Write analyses without their figures and with short proofs."""
    with_few_boxes(monkeypatch)


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that calls a command line here: (module, *arguments) → status, out, err."""
    from spectral_interp.commands import process as cli
    from spectral_interp.commands import start

    def call(module, *arguments):
        name = module.__name__.rpartition(".")[2]
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.run(f"spectral_interp.{name}", partial(start.command, name))
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    return call
