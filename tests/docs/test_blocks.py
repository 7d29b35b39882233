"""What can be pasted from a page is right: Python compiles, settings load, commands and targets exist."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from alerts import build_channels, build_responses
from collectors.formats import find_format
from collectors.privacy import Privacy
from collectors.sources.registry import SourceContext, make_source
from docs.generate import cli
from monitor.config import Settings
from monitor.plugins import FAMILIES
from tests.docs.pages import ROOT, Block, blocks, commands, pages

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SAS_TOKEN = "sv=2026-01-01&se=2027-01-01T00%3A00%3A00Z&sr=c&sp=rl&sig=c2lnbmF0dXJl"


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", blocks("ndjson"), ids=str)
def test_every_line_of_a_log_is_json(block: Block) -> None:
    assert all(json.loads(line) for line in block.text.splitlines())


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_manifests_are_yaml(block: Block) -> None:
    assert all(yaml.safe_load_all(block.text))


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_settings_load_and_what_they_configure_can_be_built(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in re.findall(r"env:(\w+)", block.text):
        secret = SAS_TOKEN if "SAS" in name else SECRET if "SECRET" in name or "KEY" in name else None
        monkeypatch.setenv(name, secret or "https://hooks.example.com/T0KEN")
    tables: dict[str, Any] = tomllib.loads(block.text)
    if "project" in tables:  # of a plug-in's pyproject.toml
        assert tables["project"]["entry-points"].keys() <= {family.group for family in FAMILIES}
        return
    settings = Settings(**tables)
    assert build_channels(settings.channels, settings.outgoing).keys() == tables.get("channels", {}).keys()
    assert build_responses(settings.responses, settings.outgoing).keys() == tables.get("responses", {}).keys()
    assert Privacy.of(settings.collector) or not settings.collector.privacy
    for name, source in settings.collector.sources.items():
        make_source(SourceContext(name, source, settings.collector, lambda: datetime.now(UTC))).close()
        assert source.format == "auto" or find_format(source.format).name == source.format


def kedge_lines() -> list[tuple[str, str]]:
    """Every kedge command of a shell block, with its page."""
    found = []
    for block in blocks("sh", "bash", ""):
        for command in commands(block):
            match = re.search(r"(?:^|&& |/)(kedge [^#|&\n]+)", command)
            if match and "[OPTIONS]" not in command and "COMMAND" not in command:
                found.append((block.page, match[1].strip()))
    return found


@pytest.mark.parametrize(("page", "line"), kedge_lines())
def test_commands_and_their_options_exist(page: str, line: str) -> None:
    known = dict(cli.commands())
    words = shlex.split(line)
    name = words.pop(0)
    while words and f"{name} {words[0]}" in known:
        name += f" {words.pop(0)}"
    options = {option for p in known[name].params if p.param_type_name == "option" for option in p.opts}
    assert not hasattr(known[name], "commands") or set(words) & options, f"{page}: {line!r} names no command"
    assert {word for word in words if word.startswith("--")} <= options | {"--help"}, f"{page}: {line!r}"


def test_there_are_commands_to_check() -> None:
    assert len(kedge_lines()) > 20


def test_every_make_target_that_a_page_names_exists() -> None:
    rules = re.findall(r"^([a-z][a-z -]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    for page, text in pages().items():
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE))
        assert named <= targets, f"{page} names make targets that do not exist: {sorted(named - targets)}"


def test_no_page_names_a_path_of_somebodys_machine() -> None:
    for page, text in pages().items():
        assert not re.search(r"(?<![\w.])/(home|Users|work|root|tmp)/(?!ray/)", text), page  # Ray's own folder
