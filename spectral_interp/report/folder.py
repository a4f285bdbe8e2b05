"""Folder of results, recognised by its summary and replaced either completely or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..files.staging import abandoned, check_place, staged

SUMMARY, REPORT = "summary.json", "report.html"
MADE_BY = "spectral_interp.analyze"
"""Entry of the summary by which an earlier analysis is recognised."""

ENTRIES = {"tables", "figures", SUMMARY, REPORT}
"""Names of all files and folders written by an analysis."""

OLD = "old"
"""Name of the earlier analysis in the staging folder."""


def check_folder(folder: Path) -> None:
    """Raise ValueError unless ``folder`` is absent, empty, or contains only an earlier analysis.

    Raise OSError if its parent folder does not exist or cannot be written.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ValueError(f"expected a folder for the report; got {folder}, which is a file or a link")
    check_place(folder)
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if found and not (found <= ENTRIES and _is_ours(folder / SUMMARY)):
        raise ValueError(
            f"expected a folder that is new, empty or an earlier analysis; got {folder}, which holds other "
            "files; choose another folder"
        )


def _is_ours(summary: Path) -> bool:
    try:
        return json.loads(summary.read_text(encoding="utf-8")).get("made_by") == MADE_BY
    except (OSError, ValueError, AttributeError):
        return False


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield a new empty folder to write in, and replace ``folder`` with it when writing is complete.

    Raises
    ------
    ValueError
        If ``folder`` holds files that are not part of an analysis.
    OSError
        If the folder cannot be written. An earlier analysis is kept.
    """
    folder = folder.absolute()
    for left in abandoned(folder):
        if (left / OLD).is_dir() and not folder.exists():
            os.rename(left / OLD, folder)
    check_folder(folder)
    with staged(folder) as staging:
        new = staging / "new"
        new.mkdir()
        yield new
        check_folder(folder)
        _swap(new, folder, staging / OLD)


def _swap(new: Path, folder: Path, old: Path) -> None:
    """Replace ``folder`` with ``new``. If this fails, restore the earlier folder.

    If the process is killed between the two renames, the earlier analysis is in the staging folder, and the
    next run restores it.
    """
    try:
        if folder.exists():
            os.rename(folder, old)
        os.rename(new, folder)
    except BaseException:
        if old.exists() and not folder.exists():
            os.rename(old, folder)
        raise
