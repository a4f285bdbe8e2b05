"""Every study runs in its quick form and leaves a table and a figure."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[1] / "analyses"
STUDIES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("study", "published"))


@pytest.mark.parametrize("name", STUDIES)
def test_study(tmp_path, name):
    command = [sys.executable, FOLDER / f"{name}.py", "--quick", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{name}.csv").is_file()
    for path in tmp_path.glob("*.csv"):
        table = pd.read_csv(path)
        assert len(table) > 0
        assert {"seed", "versions"} <= set(table.columns)
    figures = list(tmp_path.glob("*.png"))
    assert figures
    assert min(path.stat().st_size for path in figures) > 10_000


def test_make_figures_runs_every_study():
    command = ["make", "--dry-run", "--assume-old=.venv/installed-test", "figures"]
    printed = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=True).stdout
    assert set(STUDIES) <= set(re.findall(r"\w+", printed))
