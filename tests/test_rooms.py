"""The layout: imports run downwards from room to room, no room is crowded, nothing is long."""

import ast
from pathlib import Path

import pytest

import spectral_interp

PACKAGE = Path(spectral_interp.__file__).parent
ROOMS = [
    *("commands", "report", "whatif", "plots", "comparison", "batches", "estimators", "streams"),
    *("training", "attribution", "certificates", "regions", "nearest", "boxes", "tables", "models", "view"),
    *("conversion", "pencil", "eigen", "files", "_common"),
]
"""From the top floor down; a room imports only from rooms further down."""

PEERS = [{"attribution", "certificates", "regions", "models"}, {"boxes", "models"}, {"eigen", "files"}]
"""Rooms that know nothing of each other."""


BY_NAME = {"import_module", "__import__"}
"""Functions that import a module by its name."""


def room(path):
    return path.relative_to(PACKAGE).parts[0]


def imported(path):
    """Return the modules that a file imports anywhere, of the package as paths below it, and of others."""
    here = path.relative_to(PACKAGE).parts[:-1]
    ours, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            others |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level + 1]
            where = (*base, *(node.module or "").split(".")) if node.module else base
            ours |= {where} if where else {(alias.name,) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            others.add(str(node.module).partition(".")[0])
    return ours, others


@pytest.mark.parametrize("name", ROOMS)
def test_imports_run_downwards(name):
    for path in (PACKAGE / name).glob("*.py"):
        check_imports_run_downwards(path)


def check_imports_run_downwards(path):
    ours, others = imported(path)
    floor = ROOMS.index(room(path))
    above = {where for where in ours if where[0] in ROOMS and ROOMS.index(where[0]) < floor}
    assert not above, f"{path.name} imports from a room above its own"
    for peers in PEERS:
        assert not (room(path) in peers and {where[0] for where in ours} & peers - {room(path)})
    if floor > ROOMS.index("tables"):
        assert "pandas" not in others
    if floor > ROOMS.index("models") and room(path) != "files":
        assert "torch" not in others or path.name == "autograd.py"


def test_few_files_import_by_name():
    """Which the tests here do not see. The report of an estimator is looked up in a room above it."""
    found = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if imports_by_name(path)}
    assert found == {"_common/caching.py", "commands/start.py", "estimators/base.py"}


def imports_by_name(path):
    """Return whether a file calls for a module by a name that is no part of an import statement."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return bool((names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}) & BY_NAME)


@pytest.mark.parametrize("name", ROOMS)
def test_files_of_a_room_form_no_circle(name):
    arrows = {}
    for path in (PACKAGE / name).glob("*.py"):
        ours, _ = imported(path)
        arrows[path.stem] = {where[1] for where in ours if where[0] == name and len(where) > 1}
    while arrows:
        lowest = {file for file, targets in arrows.items() if not targets & arrows.keys()}
        assert lowest, f"a circle among {sorted(arrows)}"
        arrows = {file: targets for file, targets in arrows.items() if file not in lowest}


def test_rooms_are_not_crowded():
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()} == {
        *ROOMS
    }
    for name in ROOMS:
        assert len(list((PACKAGE / name).glob("*.py"))) <= 10 or name == "plots"


@pytest.mark.parametrize("name", ROOMS)
def test_nothing_is_long(name):
    for path in (PACKAGE / name).glob("*.py"):
        check_nothing_is_long(path)


def check_nothing_is_long(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 500 or path.name == "kernel.py", path.name
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[ast.get_docstring(node) is not None :]
            assert not body or body[-1].end_lineno - body[0].lineno < 60, node.name
