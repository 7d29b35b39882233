"""docs/collect.md has a way for every server, and nothing that reads logs is missing from the pages around it."""

from __future__ import annotations

import re

import pytest

from collectors.calls.inputs import read_inputs
from collectors.calls.outputs import read_outputs
from collectors.formats import format_names
from collectors.sources.http import PATHS
from collectors.sources.otlp import OTLP_PATHS
from docs.generate import cli
from docs.generate.plugins import members, source_options
from monitor.config import CollectorSettings, MappingSettings
from monitor.plugins import LOG_FORMATS, SOURCES
from monitor.privacy_settings import PrivacySettings
from tests.docs.pages import anchors, links, pages

PAGE = "docs/collect.md"
GUIDES = [page for page in pages() if page.startswith("docs/") and "/reference/" not in page]
EVERYTHING = "\n".join(pages()[page] for page in GUIDES)


def table() -> list[str]:
    """The rows of the table of servers."""
    top = pages()[PAGE].partition("\n## ")[0]
    return [line for line in top.splitlines() if line.startswith("| [")]


def sections() -> dict[str, str]:
    """The text of each section of the page by its heading."""
    parts = re.split(r"^## (.+)$", pages()[PAGE], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_section_is_linked_from_the_table_above() -> None:
    top = pages()[PAGE].partition("\n## ")[0]
    linked = {link[1:] for link in re.findall(r"\]\((#[^)]+)\)", top)}
    assert anchors(PAGE) - linked == {"sending-logs-to-kedge"}


def test_a_row_says_everything_about_its_server() -> None:
    assert len(table()) > 20
    for row in table():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 7, row
        assert all(cells), row


@pytest.mark.parametrize("heading", [name for name in sections() if name != "What holds for all"])
def test_every_section_has_something_to_paste(heading: str) -> None:
    assert "```" in sections()[heading]


@pytest.mark.parametrize("name", format_names())
def test_every_format_has_its_section(name: str) -> None:
    assert any(f"`{name}`" in text for heading, text in sections().items() if heading != "What holds for all"), name


@pytest.mark.parametrize("name", members(SOURCES))
def test_every_kind_of_source_has_its_section_and_a_configuration(name: str) -> None:
    page = pages()["docs/how-to/sources.md"]
    assert f"| [`{name}`](#" in page
    assert f'kind = "{name}"' in page.partition("\n## ")[2]


def test_every_member_is_installed() -> None:
    assert set(format_names()) >= set(members(LOG_FORMATS))
    assert all(source_options(SOURCES.load(name)) for name in members(SOURCES))


@pytest.mark.parametrize("name", [*MappingSettings.model_fields, *PrivacySettings.model_fields])
def test_every_setting_of_mappings_and_privacy_is_explained(name: str) -> None:
    told = pages()["docs/how-to/mapping.md"] + pages()["docs/how-to/privacy.md"]
    assert re.search(rf"\b{name}\b", told), name


def test_settings_that_pages_name_exist() -> None:
    for page in GUIDES:
        for name in re.findall(r"`collector\.(\w+)`", pages()[page]):
            assert name in CollectorSettings.model_fields, f"{page} names collector.{name}"


@pytest.mark.parametrize("name", [name for name, command in cli.commands() if not hasattr(command, "commands")])
def test_every_command_is_on_a_page(name: str) -> None:
    assert re.search(rf"{re.escape(name)}\b", EVERYTHING), f"{name!r} is on no page"


@pytest.mark.parametrize("path", [*PATHS.values(), *OTLP_PATHS])
def test_every_path_that_takes_logs_is_on_a_page(path: str) -> None:
    assert path in pages()["docs/records.md"]


def bodies(column: str) -> list[str]:
    """The bodies in the first column of the table that begins with this heading."""
    part = pages()["docs/how-to/mapping.md"].partition(f"| {column} |")[2].partition("\n\n")[0]
    cells = [line.split(" | ")[0] for line in part.splitlines() if line.startswith("| ")]
    return [body for cell in cells for body in re.findall(r"`([{\[0-9][^`…]*)`", cell)]


@pytest.mark.parametrize("body", bodies("request"))
def test_a_request_of_the_table_is_read(body: str) -> None:
    assert len(read_inputs(body.encode()).rows) == (2 if "clerk" in body else 1)


@pytest.mark.parametrize("body", bodies("answer"))
def test_an_answer_of_the_table_is_read(body: str) -> None:
    assert [row.prediction for row in read_outputs(body.encode()).rows] in ([32.7], ["1"], ["a"])


def test_what_holds_for_all_leads_to_its_pages() -> None:
    assert {"records.md", "how-to/mapping.md", "how-to/privacy.md", "how-to/quarantine.md"} <= set(links(PAGE))
