"""Where results are written before they are moved into place, and what becomes of it after a kill."""

from __future__ import annotations

import os
import re
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

SUFFIX = ".spectral-interp"


def check_place(target: Path) -> None:
    """Raise OSError unless the folder that ``target`` is to be written in exists and can be written."""
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"expected an existing folder for {target}; got {target.parent}; create it first"
        )
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(
            f"expected a folder that can be written for {target}; got {target.parent}; choose another"
        )


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Lend out a new hidden folder beside ``target``, so on the same disk; it is removed in any case.

    A killed process cannot remove its own. The next that writes the same target does, for a folder in use is
    locked, and the system unlocks it however its process ends. Where there are no locks (Windows, some
    network disks) such folders, ``.NAME.….spectral-interp``, stay.

    Raises
    ------
    OSError
        If a file cannot be written, with ``target`` and the cause.
    """
    for left in abandoned(target):
        shutil.rmtree(left, ignore_errors=True)
    folder = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}{SUFFIX}")
    lock = None
    try:
        try:  # before it exists, or Ctrl-C may come between
            lock = _make(folder)
            yield folder
        finally:
            _remove(folder)
            if lock is not None:
                os.close(lock)
    except OSError as error:
        raise OSError(
            f"expected to write {target}; got: {error}; what was there before stays; "
            "make room, or choose another place"
        ) from error


@contextmanager
def resumable(target: Path) -> Iterator[Path]:
    """Lend out a hidden folder beside ``target`` that stays, for the work to go on in after a kill.

    :func:`finish` removes it.

    Raises
    ------
    ValueError
        If another process has it.
    OSError
        If a file cannot be written, with ``target`` and the cause.
    """
    for left in abandoned(target):
        shutil.rmtree(left, ignore_errors=True)
    folder = parts_of(target)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with locked(folder, target):
            yield folder
    except OSError as error:
        raise OSError(
            f"expected to write {target}; got: {error}; what is done stays in {folder} and is gone on from; "
            "make room"
        ) from error


@contextmanager
def locked(folder: Path, target: Path) -> Iterator[None]:
    """Keep other processes out of a folder in which ``target`` is made; ValueError if one has it."""
    lock = None
    try:
        lock = _lock(folder)
    except BlockingIOError as error:
        raise ValueError(
            f"expected no other process that writes {target}; got one; wait for it, or choose another place"
        ) from error
    except OSError:  # a disk without locks
        pass
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def parts_of(target: Path) -> Path:
    """Return the folder that unfinished work on ``target`` stays in."""
    return target.with_name(f".{target.name}.parts")


def finish(target: Path) -> None:
    """Remove the folder of :func:`resumable`, whole or not at all in the eyes of a process after a kill."""
    moved = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}{SUFFIX}")
    os.rename(parts_of(target), moved)
    _remove(moved)


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file and put it in its place in one step: after a kill it is there as a whole or not at all."""
    draft = path.with_name(f"{path.name}.draft")
    write(draft)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(draft, path)


def abandoned(target: Path) -> Iterator[Path]:
    """Yield the staging folders of ``target`` that no process uses, each locked meanwhile."""
    ours = re.compile(rf"\.{re.escape(target.name)}\.[^.]+{re.escape(SUFFIX)}")
    try:
        found = [path for path in target.parent.iterdir() if ours.fullmatch(path.name)]
    except OSError:  # a folder may let write and not list
        return
    for folder in found:
        try:
            lock = _lock(folder)
        except OSError:  # in use, or removed by another process
            continue
        if lock is not None:
            try:
                yield folder
            finally:
                os.close(lock)


def _make(folder: Path) -> int | None:
    """Make a folder and return its lock, None where there are no locks."""
    while True:
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            lock = _lock(folder)
        except (BlockingIOError, FileNotFoundError):  # not locked yet, it was taken for abandoned
            continue
        except OSError:
            return None
        if folder.is_dir():
            return lock
        if lock is not None:
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Return a handle that keeps others out until it is closed or the process ends; None on Windows.

    Raises
    ------
    OSError
        BlockingIOError if another process holds it, others where a disk knows no locks.
    """
    if sys.platform == "win32":
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _remove(folder: Path) -> None:
    """Remove a folder, even if Ctrl-C comes while at it; what cannot be removed is left to the next run."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
