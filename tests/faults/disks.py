"""Disks that are small, full or read-only; tests that need one are skipped where none can be mounted."""

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress

import pytest

PAGE = 4096


@contextmanager
def disk(place):
    """Mount a disk of 16 MB in a new folder."""
    place.mkdir()
    _mount("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", place)
    try:
        yield place
    finally:
        _mount("umount", "--lazy", place)


@contextmanager
def read_only(place):
    """Write-protect a folder and all in it."""
    _mount("mount", "--bind", place, place)
    try:
        _mount("mount", "-o", "remount,ro,bind", place)
        yield place
    finally:
        _mount("umount", "--lazy", place)


@contextmanager
def filled(place, pages):
    """Fill a disk with a file, but for so many pages."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(PAGE)) == PAGE:
            pass
    size = filler.stat().st_size - pages * PAGE
    assert size >= 0, "the disk is smaller than what is to be left on it"
    os.truncate(filler, size)
    try:
        yield
    finally:
        filler.unlink()


def _mount(*arguments):
    if shutil.which(arguments[0]) is None:
        pytest.skip(f"there is no {arguments[0]}")
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
