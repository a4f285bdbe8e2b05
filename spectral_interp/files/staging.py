"""Staging folders, in which results are written before they are moved into place."""

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
    """Raise OSError unless the folder of ``target`` exists and is writable."""
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"expected an existing folder for {target}; got {target.parent}; create it first"
        )
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(f"expected a writable folder for {target}; got {target.parent}; choose another")


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Yield a new hidden folder next to ``target``, so on the same disk, and remove it in the end.

    A killed process cannot remove its folder. The next process that writes the same target removes it: a
    folder in use is locked, and the system releases the lock when the process ends. Without locks (Windows,
    some network disks) such folders, ``.NAME.….spectral-interp``, remain.

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
        try:  # entered before the folder exists, in case of Ctrl-C
            lock = _make(folder)
            yield folder
        finally:
            _remove(folder)
            if lock is not None:
                os.close(lock)
    except OSError as error:
        raise OSError(
            f"expected to write {target}; got: {error}; existing files are unchanged; "
            "make room, or choose another place"
        ) from error


@contextmanager
def resumable(target: Path) -> Iterator[Path]:
    """Yield a hidden folder next to ``target`` that remains after a kill, so that work can resume.

    :func:`finish` removes it.

    Raises
    ------
    ValueError
        If another process uses it.
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
            f"expected to write {target}; got: {error}; completed work remains in {folder}; make room and "
            "run the same command to resume"
        ) from error


@contextmanager
def locked(folder: Path, target: Path) -> Iterator[None]:
    """Lock the folder in which ``target`` is made; ValueError if another process has locked it."""
    lock = None
    try:
        lock = _lock(folder)
    except BlockingIOError as error:
        raise ValueError(
            f"expected only one process to write {target}; got another; wait for it, or choose another place"
        ) from error
    except OSError:  # a disk without locks
        pass
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def parts_of(target: Path) -> Path:
    """Return the folder of unfinished work on ``target``."""
    return target.with_name(f".{target.name}.parts")


def finish(target: Path) -> None:
    """Remove the folder of :func:`resumable` atomically: after a kill it is complete or gone."""
    moved = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}{SUFFIX}")
    os.rename(parts_of(target), moved)
    _remove(moved)


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file atomically: after a kill it is complete or absent."""
    draft = path.with_name(f"{path.name}.draft")
    write(draft)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(draft, path)


def abandoned(target: Path) -> Iterator[Path]:
    """Yield the staging folders of ``target`` that no process uses; each is locked while it is yielded."""
    ours = re.compile(rf"\.{re.escape(target.name)}\.[^.]+{re.escape(SUFFIX)}")
    try:
        found = [path for path in target.parent.iterdir() if ours.fullmatch(path.name)]
    except OSError:  # a folder may be writable but not readable
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
    """Make a folder and return its lock; None if locks are unavailable."""
    while True:
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            lock = _lock(folder)
        except (BlockingIOError, FileNotFoundError):  # another process took it for abandoned
            continue
        except OSError:
            return None
        if folder.is_dir():
            return lock
        if lock is not None:
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Return a handle that locks the folder until it is closed or the process ends; None on Windows.

    Raises
    ------
    OSError
        BlockingIOError if another process holds the lock; another OSError if the disk has no locks.
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
    """Remove a folder, even if Ctrl-C interrupts; the next run removes any remains."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
