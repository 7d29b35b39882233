"""Reading the documentation's pages: their blocks, headings and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block, its indentation taken off."""

    page: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}, {self.language} block {self.number}"


@cache
def pages() -> dict[str, str]:
    """Every page by its path from the root of the repository."""
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    return {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in sorted(files)}


@cache
def blocks(*languages: str) -> list[Block]:
    """The blocks of these languages, of all pages."""
    found = []
    for page, text in pages().items():
        for number, match in enumerate(_FENCE.finditer(text), 1):
            indent, language, body = match.groups()
            if language in languages:
                found.append(Block(page, number, language, re.sub(f"^{indent}", "", body, flags=re.MULTILINE)))
    return found


def prose(page: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", pages()[page])


def links(page: str) -> list[str]:
    """The targets of its links and images."""
    without_code = re.sub(r"`[^`]*`", "", prose(page))
    return [link or image for link, image in _LINK.findall(without_code)]


def anchors(page: str) -> set[str]:
    """What a link may name in the page: its headings as GitHub writes them."""
    titles = [
        re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in _HEADING.findall(prose(page))
    ]
    return set(titles)


def commands(block: Block) -> list[str]:
    """The commands of a shell block: continued lines and quoted line breaks joined, comments left out."""
    found, waiting = [], ""
    for line in block.text.splitlines():
        waiting += line + "\n"
        if line.endswith("\\") or waiting.replace("\\'", "").count("'") % 2:
            continue
        if waiting.strip() and not waiting.lstrip().startswith("#"):
            found.append(waiting.strip())
        waiting = ""
    return found + ([waiting.strip()] if waiting.strip() else [])
