"""The picture and the table of the rooms on the page agree with the code, and so do the names on it."""

import re

import pytest

from tests.test_rooms import PACKAGE, ROOMS, imported

ROOT = PACKAGE.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def neighbours():
    """Return the rooms that every room imports."""
    return {
        room: {where[0] for path in (PACKAGE / room).glob("*.py") for where in imported(path)[0]}
        & {*ROOMS} - {room}
        for room in ROOMS
    }


def reached(room, arrows):
    """Return the rooms that arrows lead to."""
    return arrows[room] | {far for near in arrows[room] for far in reached(near, arrows)}


def picture():
    """Return the picture of the imports, without those that a longer way replaces."""
    arrows = neighbours()
    lines = ["flowchart TD"]
    for room in ROOMS:
        far = {other for near in arrows[room] for other in reached(near, arrows)}
        kept = [other for other in ROOMS if other in arrows[room] - far]
        lines += [f"    {room} --> {' & '.join(kept)}"] if kept else []
    return "\n".join(lines)


def test_the_picture_shows_the_imports():
    assert re.search(r"```mermaid\n(.*?)\n```", PAGE, re.DOTALL)[1] == picture()


def test_the_picture_has_every_import_as_a_way():
    """Read from the page alone: what a reader can follow along the arrows is what the code may import."""
    drawn = {room: set() for room in ROOMS}
    for room, others in re.findall(r"^    (\w+) --> (.*)$", PAGE, re.MULTILINE):
        drawn[room] |= {*others.split(" & ")}
    for room, imports in neighbours().items():
        assert imports <= reached(room, drawn), room


def test_the_table_has_the_rooms_in_their_order():
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == ROOMS


NEW = {"attribution/secant.py", "tests/attribution/test_secant.py", "plots/mixing.py"}
"""Files that the walks write."""

NAMED = {*re.findall(r"`((?!docs/)(?:\w+/)+(?:\w+\.\w+)?)`", PAGE)} - NEW


@pytest.mark.parametrize("name", sorted(NAMED))
def test_a_file_on_the_page_exists(name):
    assert (ROOT / name).exists() or (PACKAGE / name).exists()


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("attribution/changes.py", ["MeanChanges", "Changes", "Split", "Parts"]),
        ("attribution/explain.py", ["METHODS", "_check_memory"]),
        ("_common/choices.py", ["ATTRIBUTION_METHODS"]),
        ("_common/text.py", ["at_most", "at_least"]),
        ("certificates/contributions.py", ["HALVED"]),
        ("comparison/explainers.py", ["EXPLAINERS", "Explainer", "_ours", "_by_masking"]),
        ("comparison/compare.py", ["REPRESENTATIVES"]),
        ("plots/style.py", ["METHOD_LOOKS"]),
        ("plots/figure.py", ["Figure", "Exhibit"]),
        ("report/sections.py", ["SECTIONS", "Part", "LeftOut"]),
        ("tables/columns.py", ["fit_column", "column_coordinates"]),
        ("tables/encoder.py", ["_KINDS"]),
        ("files/schema.py", ["_KINDS"]),
        ("files/artifact.py", ["VERSION"]),
        (
            "view/axes.py",
            ["Axis", "checked", "coordinates", "place", "locate", "values", "grid", "directions"],
        ),
    ],
)
def test_a_file_has_the_names_of_the_walks(path, names):
    text = (PACKAGE / path).read_text(encoding="utf-8")
    for name in names:
        assert re.search(rf"\b{name}\b", PAGE), name
        assert re.search(rf"\b{name}\b", text), name
