"""CHANGELOG.md keeps its format."""

from __future__ import annotations

import re
import tomllib

from docs.generate.plugins import PYPROJECT
from tests.docs.pages import pages

TEXT = pages()["CHANGELOG.md"]
LINE = re.compile(r"- \[(CHANGE|FEATURE|ENHANCEMENT|BUGFIX|SECURITY)\] [a-z]+: .+\.")


def test_every_entry_has_its_kind_and_its_part() -> None:
    entries = [line for line in TEXT.splitlines() if line.startswith("- ")]
    assert entries
    assert [line for line in entries if not LINE.fullmatch(line)] == []


def test_the_newest_version_is_the_projects() -> None:
    version = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"]
    newest = re.search(r"^## \[(.+?)\] - (Unreleased|\d{4}-\d{2}-\d{2})$", TEXT, re.MULTILINE)
    assert newest
    assert newest[1] == version


def test_sections_are_those_of_keep_a_changelog() -> None:
    assert set(re.findall(r"^### (.+)$", TEXT, re.MULTILINE)) <= {
        "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security",
    }  # fmt: skip
