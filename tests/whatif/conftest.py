"""A sum on numbers with knots, a pair, a logarithm, gaps and levels; and a page with the panel alone."""

import json

import numpy as np
import pandas as pd
import pytest

from spectral_interp import SpectralRegressor
from spectral_interp.whatif.panel import SCRIPTS, asset, panel_data

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,">
<title>panel</title><style>{style}</style></head><body>{panel}
<script type="application/json" id="whatif-data">{data}</script>
{scripts}</body></html>"""


def price_table():
    rng, n = np.random.default_rng(0), 250
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "income": np.exp(rng.normal(size=n))})
    X["gappy"] = np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))
    X["city"] = rng.choice(["Oslo", "Rome"], n).astype(object)
    y = 8 * np.sign(np.sin(3 * X["a"])) + 20 * (np.abs(X["a"] - X["b"]) < 0.7)
    return X, y + 3 * np.log(X["income"]) + 5 * (X["city"] == "Oslo")


@pytest.fixture(scope="session")
def price():
    X, y = price_table()
    est = SpectralRegressor(form="sum", members=2, random_state=0).fit(X, y.rename("price"))
    assert est.view().pairs
    assert any(axis.knots for axis in est.view().axes)
    return est, X


@pytest.fixture(scope="session")
def open_panel(chromium, tmp_path_factory):
    """Return a function that opens the panel of some rows: it returns the browser."""

    def open_page(rows, *, start=0, fragment="", target="price", order=None):
        data = panel_data(rows, order or rows.view.columns, target=target, start=start)
        text = json.dumps(data).replace("<", "\\u003c")
        page = PAGE.format(
            style=asset("whatif.css"),
            panel=asset("panel.html"),
            data=text,
            scripts="".join(f"<script>{asset(name)}</script>" for name in SCRIPTS),
        )
        path = tmp_path_factory.mktemp("panel") / "page.html"
        path.write_text(page, encoding="utf-8")
        return reopen(chromium, path.as_uri() + fragment)

    return open_page


def reopen(browser, address):
    """Open an address and wait for the panel; no error may have been logged."""
    browser.get("about:blank")
    browser.get_log("browser")
    browser.set_script_timeout(30)
    browser.get(address)
    ready = """const done = arguments[0];
        const ready = () => document.getElementById('whatif').panel;
        const wait = () => ready() ? done(true) : setTimeout(wait, 20);
        wait()"""
    browser.execute_async_script(ready)
    assert browser.get_log("browser") == []
    return browser
