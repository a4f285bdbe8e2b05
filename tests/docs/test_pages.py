"""Every page: its examples run, its links lead somewhere, and it has everything that it claims to list."""

import re

import pytest

import spectral_interp
from spectral_interp.commands.start import OPTIONS
from tests.docs.pages import ROOT, Page

README = Page(ROOT / "README.md")
PAGES = [README, *map(Page, sorted((ROOT / "docs").glob("*.md")))]
LINKING = sorted({*PAGES, *map(Page, ROOT.glob("*.md")), *map(Page, ROOT.glob("examples/*.md"))}, key=str)

MAX_LINES = {"README.md": 150}
"""Maximum number of lines of a page; of others 300."""


def of_pages(pages):
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.name)


@of_pages(PAGES)
def test_examples_run(page, ran):
    ran(page)


@of_pages(PAGES)
def test_length(page):
    assert page.text.count("\n") <= MAX_LINES.get(page.name, 300)


@of_pages(LINKING)
def test_links_lead_to_files_and_headings(page):
    for link in page.links:
        file, _, anchor = link.partition("#")
        path = (page.path.parent / file).resolve() if file else page.path
        assert path.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert path.exists(), f"{link} leads to no file"
        if anchor:
            assert anchor in Page(path).anchors, f"{link} leads to no heading"


@of_pages(PAGES)
def test_blocks_have_a_language(page):
    """A language that is run or shown, so that no example is left out by mistake."""
    assert {block.language for block in page.blocks} <= {"python", "sh", "text", "mermaid"}
    assert page.text.count("\n```") + page.text.startswith("```") == 2 * len(page.blocks)


COMMAND_LINE = Page(ROOT / "docs" / "command-line.md")
GUIDE = [Page(ROOT / "docs" / f"{name}.md") for name in ("python", "conversion", "batches")]


def options_of(command):
    """Return the options of a command by their long names, but for ``--help``."""
    actions = [action for action in OPTIONS[command]("")._actions if action.option_strings]
    return {action.option_strings[-1]: action for action in actions if action.dest != "help"}


@pytest.mark.parametrize("command", OPTIONS)
def test_tables_of_options(command):
    """The tables of a command have its options, with their defaults, and no others."""
    section = re.search(rf"^## `{command}`.*?(?=^## |\Z)", COMMAND_LINE.prose, re.M | re.S)[0]
    rows = re.findall(r"^\| `(--[a-z-]+)[^|]*\|.*\| ([^|]*) \|$", section, re.M)
    options = options_of(command)
    assert sorted(name for name, _ in rows) == sorted(options)
    for name, default in rows:
        if options[name].default not in (None, False, ()):
            assert default == f"`{options[name].default}`", name


def test_options_named_in_the_text_exist():
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", COMMAND_LINE.text))
    assert named <= {*options_of("train"), *options_of("analyze"), "--help", "--version"}


@pytest.mark.parametrize("name", spectral_interp.__all__)
def test_public_names_are_in_the_guide(name):
    code = re.compile(r"^```python\n.*?^```|`[^`\n]+`", re.M | re.S)
    assert any(re.search(rf"\b{name}\b", part) for page in GUIDE for part in code.findall(page.text))
