"""Staging folders: beside the target, one per process, and what killed processes leave is removed."""

import os

import pytest

from spectral_interp.files import staging
from spectral_interp.files.staging import SUFFIX, check_place, staged


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_it_is_hidden_beside_the_target_and_goes_whatever_happens(tmp_path):
    with staged(tmp_path / "m.pt") as folder:
        assert folder.parent == tmp_path
        assert folder.name.startswith(".m.pt.")
        (folder / "half").touch()
    assert names(tmp_path) == []
    with pytest.raises(KeyboardInterrupt), staged(tmp_path / "m.pt"):
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_errors_name_the_target_and_what_to_do(tmp_path):
    message = r"expected to write .*m\.pt; got: .*No space left.* unchanged; make room"
    with pytest.raises(OSError, match=message), staged(tmp_path / "m.pt"):
        raise OSError(28, "No space left on device")


def test_a_second_ctrl_c_while_tidying_leaves_nothing(tmp_path, monkeypatch):
    remove, calls = staging.shutil.rmtree, []

    def interrupted(path, **options):
        calls.append(path)
        if len(calls) == 1:
            raise KeyboardInterrupt
        remove(path, **options)

    monkeypatch.setattr(staging.shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt), staged(tmp_path / "m.pt"):
        pass
    assert names(tmp_path) == []


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    left = [f".a[1].x_3y{SUFFIX}", f".a[1].zz{SUFFIX}"]
    others = [".a[1].settings", f".a[1].b.x_3y{SUFFIX}", f".a1.x_3y{SUFFIX}", f"a[1].x_3y{SUFFIX}"]
    for name in left + others:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    with staged(tmp_path / "a[1]"):
        assert len(names(tmp_path)) == len(others) + 1
    assert names(tmp_path) == sorted(others)


def test_what_is_in_use_stays(tmp_path):
    with staged(tmp_path / "m.pt") as one:
        with staged(tmp_path / "m.pt") as two:
            assert one != two
            assert one.is_dir()
        assert one.is_dir()


def test_a_folder_taken_for_abandoned_before_it_was_locked_is_made_anew(tmp_path, monkeypatch):
    lock, calls = staging._lock, []

    def robbed(folder):
        calls.append(folder)
        if len(calls) == 1:
            folder.rmdir()
        if len(calls) == 2:
            raise BlockingIOError
        handle = lock(folder)
        if len(calls) == 3:
            folder.rmdir()
        return handle

    monkeypatch.setattr(staging, "_lock", robbed)
    with staged(tmp_path / "m.pt") as folder:
        assert folder == calls[3]
        assert folder.is_dir()


def test_a_folder_that_cannot_be_listed_will_do(tmp_path, monkeypatch):
    def fail(_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(staging.Path, "iterdir", fail)
        with staged(tmp_path / "m.pt") as folder:
            assert folder.is_dir()
    assert names(tmp_path) == []


def test_a_disk_without_locks_will_do(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(staging.fcntl, "flock", fail)
    (tmp_path / f".m.pt.other{SUFFIX}").mkdir()
    with staged(tmp_path / "m.pt") as folder:
        (folder / "file").touch()
    assert names(tmp_path) == [f".m.pt.other{SUFFIX}"]


def test_places_that_cannot_be_written_are_refused_at_once(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="create it first"):
        check_place(tmp_path / "absent" / "m.pt")
    monkeypatch.setattr(os, "access", lambda path, mode: not (path == tmp_path and mode == os.W_OK))
    with pytest.raises(PermissionError, match=r"a writable folder for .*m\.pt; got .*choose another"):
        check_place(tmp_path / "m.pt")
