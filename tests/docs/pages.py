"""The pages of the documentation: their blocks, headings and links."""

import re
from dataclasses import dataclass
from pathlib import Path

from spectral_interp._common.caching import cached_property

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page where the text begins."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Page:
    """A page of Markdown."""

    path: Path

    @property
    def name(self):
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self):
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self):
        found = re.finditer(r"^```(\w*)\n(.*?)^```$", self.text, re.M | re.S)
        return [Block(one[1], one[2], self.text[: one.start(2)].count("\n") + 1) for one in found]

    @cached_property
    def prose(self):
        """The text without its fenced blocks."""
        return re.sub(r"^```.*?^```$", "", self.text, flags=re.M | re.S)

    @cached_property
    def anchors(self):
        """The anchors of the headings, as GitHub makes them."""
        slugs = []
        for heading in re.findall(r"^#+ (.+)$", self.prose, re.M):
            shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
            slugs.append(re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-"))
        return [f"{slug}-{n}" if (n := slugs[:at].count(slug)) else slug for at, slug in enumerate(slugs)]

    @cached_property
    def links(self):
        """The targets of links and pictures that are no addresses."""
        prose = re.sub(r"`[^`\n]+`", "", self.prose)
        found = re.findall(r"\]\(\s*([^)\s]+)[^)]*\)", prose)
        return [link for link in found if not re.match(r"[a-z]+:", link)]
