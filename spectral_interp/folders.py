"""A folder of results, recognised by its summary and replaced as a whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUMMARY, REPORT = "summary.json", "report.html"
MADE_BY = "spectral_interp.analyze"
"""What an earlier analysis is recognised by."""

ENTRIES = {"tables", "figures", SUMMARY, REPORT}
"""All that an analysis writes."""


def check_folder(folder: Path) -> None:
    """Raise ValueError unless ``folder`` is absent, empty or an earlier analysis and nothing else."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ValueError(f"expected a folder for --out; got {folder}, which is a file or a link")
    if not folder.parent.is_dir():
        raise ValueError(f"expected an existing folder to put {folder.name} in; create {folder.parent}")
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if found and not (found <= ENTRIES and _is_ours(folder / SUMMARY)):
        raise ValueError(
            f"expected --out to be new, empty or an earlier analysis; got {folder}, which holds other files; "
            "choose another folder"
        )


def _is_ours(summary: Path) -> bool:
    try:
        return json.loads(summary.read_text(encoding="utf-8")).get("made_by") == MADE_BY
    except (OSError, ValueError, AttributeError):
        return False


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Give a new empty folder to write in, and put it in the place of ``folder`` when all is written.

    Raises
    ------
    ValueError
        If ``folder`` holds files that are not an analysis.
    OSError
        If it cannot be written; an earlier analysis stays.
    """
    folder = folder.absolute()
    check_folder(folder)
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        new = staging / "new"
        new.mkdir()
        yield new
        _swap(new, folder, staging / "old")
    finally:
        shutil.rmtree(staging)


def _swap(new: Path, folder: Path, old: Path) -> None:
    """Put ``new`` in the place of ``folder``; if that fails, what was there returns."""
    had = folder.exists()
    if had:
        os.replace(folder, old)
    try:
        os.replace(new, folder)
    except OSError:
        if had:
            os.replace(old, folder)
        raise
