"""The page against axe-core, where there is one: ``npm install axe-core``, or its path in ``AXE_CORE``."""

import os
from pathlib import Path

import pandas as pd
import pytest

from spectral_interp import SpectralRegressor

NAMED = os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js")
RUN = """const done = arguments[0];
axe.run(document, {resultTypes: ['violations']}).then(({violations}) => done(
    violations.map(({id, impact, nodes}) => [id, impact, nodes.map(({html}) => html.slice(0, 200))])))"""
OPEN = """for (const one of document.querySelectorAll('details')) one.open = true;
document.getElementById('wi-find').click(); setTimeout(arguments[0], 1500)"""


@pytest.fixture(scope="module")
def page(tmp_path_factory, table):
    X, y = table
    est = SpectralRegressor(form="single", dim=5, n_epochs=20, random_state=0).fit(X, y)
    path = tmp_path_factory.mktemp("axe") / "page.html"
    est.report(X[:30], y[:30], path, methods=["local"])
    return path


@pytest.fixture(scope="module")
def table():
    X = pd.DataFrame({"size": range(80), "noise": [i * 37 % 80 for i in range(80)]}, dtype=float)
    X["city"] = ["Oslo", "Rome"] * 40
    return X, (X["size"] + 20 * (X["city"] == "Oslo")).rename("price")


@pytest.mark.skipif(not Path(NAMED).is_file(), reason=f"no axe-core at {NAMED}")
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_finds_no_violation(chromium, page, width, scheme):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wanted = [{"name": "prefers-color-scheme", "value": scheme}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})
    chromium.set_script_timeout(60)
    try:
        chromium.get(page.as_uri())
        chromium.execute_async_script("setTimeout(arguments[0], 1000)")
        chromium.execute_async_script(OPEN)
        chromium.execute_script(Path(NAMED).read_text(encoding="utf-8"))
        assert chromium.execute_async_script(RUN) == []
        chromium.execute_script("document.querySelector('img').removeAttribute('alt')")
        assert [one[0] for one in chromium.execute_async_script(RUN)] == ["image-alt"]
    finally:
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
