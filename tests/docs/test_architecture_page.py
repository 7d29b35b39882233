"""docs/architecture.md names every folder, dependency, hand-over step and contract word that the code has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from docs.generate.plugins import PYPROJECT
from monitor.evaluation.rules import Severity, Verdict
from monitor.points import Status
from tests.docs.pages import ROOT, pages

PAGE = pages()["docs/architecture.md"]
PROJECT = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
PACKAGES = ("monitor", "collectors", "alerts", "dashboards")


def folders() -> list[str]:
    """Every folder with sources of ours."""
    found = {file.parent for package in PACKAGES for file in (ROOT / package).rglob("*.py")}
    return sorted(str(folder.relative_to(ROOT)) for folder in found if "__pycache__" not in folder.parts)


def dependencies() -> list[str]:
    project = PROJECT["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    return sorted({re.split(r"[\[<>=!; ]", each)[0] for each in wanted})


@pytest.mark.parametrize("folder", folders())
def test_the_folder_has_its_line(folder: str) -> None:
    assert f"`{folder}`" in PAGE, f"docs/architecture.md, The folders: {folder} is missing"


def test_no_folder_is_named_that_is_gone() -> None:
    section = PAGE.partition("## The folders")[2].partition("\n## ")[0]
    named = [name for line in section.splitlines() if line.startswith("| `") for name in _named(line)]
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).is_dir()] == []


def _named(line: str) -> list[str]:
    return re.findall(r"`([\w/]+)`", line.split("|")[1])


@pytest.mark.parametrize("name", dependencies())
def test_the_dependency_has_its_reason(name: str) -> None:
    section = PAGE.partition("## Dependencies")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    reasons = [reason.strip() for _, names, reason, _ in rows if f"`{name}`" in names]
    assert reasons, f"docs/architecture.md, Dependencies: {name} has no reason"
    assert all(len(reason) > 20 for reason in reasons)


def test_the_steps_of_the_hand_over_are_those_of_the_code() -> None:
    docstring = (ROOT / "collectors" / "hand_over.py").read_text(encoding="utf-8").split('"""')[1]
    steps = re.findall(r"^\d\. (\w+)", docstring, re.MULTILINE)
    assert steps == re.findall(r"^\d\. \*\*(\w+)\*\*", PAGE, re.MULTILINE)


def test_the_words_of_the_contracts_are_those_of_the_code() -> None:
    for word in (*Status, *Verdict, *Severity):
        assert f"`{word}`" in PAGE, f"docs/architecture.md, Contracts: {word} is missing"


def test_every_home_of_a_library_is_told() -> None:
    contracts = [each["name"] for each in PROJECT["tool"]["importlinter"]["contracts"] if " lives in " in each["name"]]
    assert contracts
    for contract in contracts:
        library, _, home = contract.partition(" lives in ")
        assert f"{library} in `{home}`" in " ".join(PAGE.split()), contract


def test_the_floors_are_told_in_their_order() -> None:
    layers = next(each["layers"] for each in PROJECT["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    told = PAGE.partition("From the ground up")[2].partition("\n\n")[0]
    tops = [re.split(r"[ |:]+", layer)[0].rpartition(".")[2] for layer in reversed(layers)]
    words = {"config": "settings", "records": "records", "evaluation": "evaluation"}
    places = [told.find(words.get(top, top)) for top in tops]
    assert -1 not in places, dict(zip(tops, places, strict=True))
    assert places == sorted(places)


def test_the_contributing_page_names_files_that_exist() -> None:
    text = Path(ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:toml|md|txt))`", text)
    real = [name for name in named if "NAME" not in name and not name.startswith(".venv")]
    assert len(real) > 15
    assert [name for name in real if not (ROOT / name).exists()] == []
