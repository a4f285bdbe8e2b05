"""Every study in its quick form, started as a user starts it; tests/test_analyses.py needs no new process."""

import subprocess
import sys

import pytest

from ..test_analyses import FOLDER, STUDIES, assert_whole


@pytest.mark.long
@pytest.mark.parametrize("name", STUDIES)
def test_study(tmp_path, tally, name):
    command = [sys.executable, FOLDER / f"{name}.py", "--quick", "--out", tmp_path]
    with tally(f"studies: {name}") as counts, counts.trial(name):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        assert_whole(tmp_path, name)
