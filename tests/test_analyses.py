"""Every study runs in its quick form and leaves a table and a figure."""

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
    table = pd.read_csv(tmp_path / f"{name}.csv")
    assert len(table) > 0
    assert {"seed", "versions"} <= set(table.columns)
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000
