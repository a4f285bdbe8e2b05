"""Benchmarks, costs and the README's evidence are what the tables of the studies say."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NUMBER = re.compile(r"\d[\d,.]*\d|\d")
COMPUTED = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|`.*?`|\]\(.*?\)", re.S)
CODE = re.compile(r"```.*?```|^    .*?$|`[^`]*`|\]\(.*?\)", re.S | re.M)
SETTING = re.compile(r"\d{1,3}(,000)?")
"""A number of rows, columns, epochs or an order, in a template: no result is written like this."""

DEFINITIONS = {
    "3.11": "the oldest Python",
    "442": "rows of diabetes",
    "14": "columns up to which Shapley values are exact",
}
"""Numbers of the README that are no measurements."""


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "analyses")
    return importlib.import_module("benchmarks")


def test_texts_are_what_the_tables_say(benchmarks):
    for path, text in benchmarks.texts().items():
        assert path.read_text(encoding="utf-8") == text, f"run analyses/benchmarks.py: {path.name} is stale"


def test_templates_hold_no_results(benchmarks):
    """What stands in a template by hand is a setting of a study."""
    for path in benchmarks.TEMPLATES.glob("*.jinja"):
        for found in NUMBER.findall(COMPUTED.sub("", path.read_text(encoding="utf-8"))):
            assert SETTING.fullmatch(found), f"{path.name}: {found}"


def test_other_numbers_of_the_readme_are_definitions(benchmarks):
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Sources")[0]
    found = set(NUMBER.findall(CODE.sub("", benchmarks.BLOCK.sub("", text))))
    assert found <= set(DEFINITIONS)
