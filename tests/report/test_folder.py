"""An analysis is replaced whole, and comes back if it is not."""

import json
import os
from contextlib import suppress

import pytest

from spectral_interp.report import folder as folders
from spectral_interp.report.folder import MADE_BY, SUMMARY, replacing
from tests.faults.children import at_step, die, fork


def write(folder, version):
    with replacing(folder) as new:
        (new / SUMMARY).write_text(json.dumps({"made_by": MADE_BY, "version": version}))


def version(folder):
    return json.loads((folder / SUMMARY).read_text())["version"]


def test_a_new_analysis_takes_the_place_of_nothing_of_an_empty_folder_and_of_another(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("a", "b"):
        for number in (1, 2):
            write(tmp_path / name, number)
            assert version(tmp_path / name) == number
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_failed_swap_brings_the_earlier_analysis_back(tmp_path, monkeypatch):
    rename, calls = os.rename, []

    def fail_once(source, target):
        calls.append(source)
        if len(calls) == 2:
            raise OSError("disk full")
        rename(source, target)

    write(tmp_path / "out", 1)
    monkeypatch.setattr(folders.os, "rename", fail_once)
    with pytest.raises(OSError, match="disk full"):
        write(tmp_path / "out", 2)
    assert version(tmp_path / "out") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_files_that_came_meanwhile_are_not_lost(tmp_path):
    write(tmp_path / "out", 1)
    with pytest.raises(ValueError, match="holds other files"), replacing(tmp_path / "out"):
        (tmp_path / "out" / "notes.txt").write_text("mine")
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_of_two_that_swap_at_once_one_stays_whole(tmp_path, monkeypatch):
    rename, calls = os.rename, []

    def overtaken(source, target):
        calls.append(source)
        if len(calls) == 2:  # the other ends between our two renamings
            write(tmp_path / "out", 3)
        rename(source, target)

    write(tmp_path / "out", 1)
    monkeypatch.setattr(folders.os, "rename", overtaken)
    with pytest.raises(OSError, match="existing files are unchanged"):
        write(tmp_path / "out", 2)
    assert version(tmp_path / "out") == 3
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forked processes here")
def test_after_a_kill_between_two_renamings_the_next_run_brings_the_earlier_analysis_back(tmp_path):
    folder, states = tmp_path / "work" / "out", set()
    folder.parent.mkdir()
    for step in range(1, 100):
        write(folder, 1)
        status, _, _ = fork(at_step(lambda: write(folder, 2), folder.parent, step, die), tmp_path).wait()
        states.add(version(folder) if folder.exists() else None)
        with suppress(KeyboardInterrupt), replacing(folder):
            assert version(folder) in (1, 2)
            raise KeyboardInterrupt
        assert version(folder) in (1, 2)
        assert [path.name for path in folder.parent.iterdir()] == ["out"]
        if status == 0:
            break
    assert states == {1, 2, None}


def test_of_two_at_once_the_last_to_end_stays(tmp_path):
    for _ in range(2):
        with replacing(tmp_path / "out") as new:
            (new / SUMMARY).write_text(json.dumps({"made_by": MADE_BY, "version": 1}))
            write(tmp_path / "out", 2)
            assert version(tmp_path / "out") == 2
        assert version(tmp_path / "out") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
