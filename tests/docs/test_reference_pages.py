"""docs/reference is what the code says, and names everything there is, counted another way than the generator does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from starlette.routing import Route

from alerts.responses.selection import DEFAULT_METRICS
from collectors.sources.http import PATHS
from docs import generate
from docs.generate import cli, plugins
from docs.generate import settings as settings_page
from monitor.api import incidents, models, status
from monitor.config import Settings, load_settings
from monitor.errors import KedgeError
from monitor.metrics import KNOWN
from monitor.performance import PERFORMANCE_METRICS
from monitor.plugins import DISTRIBUTION, FAMILIES
from tests.docs.pages import pages


def page(name: str) -> str:
    return pages()[f"docs/reference/{name}"]


@pytest.mark.parametrize("name", generate.PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    assert not generate.is_stale(name), f"docs/reference/{name} is out of date; run: make docs ({generate.COMMAND})"


def test_there_is_no_other_page_in_the_folder() -> None:
    assert {file.name for file in generate.FOLDER.iterdir()} == set(generate.PAGES)


def schema_names(schema: dict[str, Any], node: dict[str, Any], prefix: str) -> Iterator[str]:
    """Dotted names of the settings in a JSON schema."""
    for name, field in node.get("properties", {}).items():
        inner = field.get("additionalProperties", field)
        if "$ref" in inner:
            below = schema["$defs"][inner["$ref"].rpartition("/")[2]]
            yield from schema_names(schema, below, f"{prefix}{name}." + ("NAME." if inner is not field else ""))
        else:
            yield f"{prefix}{name}"


def test_every_setting_is_documented_with_its_meaning() -> None:
    schema = Settings.model_json_schema()
    rows = {line.split("`")[1]: line for line in page("settings.md").splitlines() if line.startswith("| `")}
    missing = [name for name in schema_names(schema, schema, "") if name not in rows]
    assert not missing, f"settings without documentation: {missing}"
    assert [setting.name for setting in settings_page.settings() if not setting.field.description] == []


def test_every_variable_of_the_page_sets_its_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # where no settings file is
    monkeypatch.setenv("KEDGE_RESPONSES__NAME__KIND", "retrain")
    monkeypatch.setenv("KEDGE_COLLECTOR__SOURCES__NAME__KIND", "files")
    checked = 0
    for setting in settings_page.settings():
        if isinstance(setting.default, bool | int | float):
            wanted = _another(setting.default)
            with monkeypatch.context() as one:
                one.setenv(setting.variable, str(wanted))
                assert _read(load_settings(), setting.path) == wanted, setting.variable
            checked += 1
    assert checked > 20


def _another(value: bool | int | float) -> bool | int | float:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) and value > 1 else value / 2


def _read(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = getattr(value, name) if isinstance(value, BaseModel) else value["name"]
    return value


def test_every_command_and_option_is_documented() -> None:
    text = page("cli.md")
    for name, command in cli.commands():
        section = re.search(rf"^#+ {name}$(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
        assert section, f"command {name!r} is not documented"
        assert command.help, f"command {name!r} has no docstring"
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name != "help":
                assert f"`{parameter.opts[0]}" in section[1], (
                    f"option {parameter.opts[0]} of {name!r} is not documented"
                )
                assert parameter.help, f"option {parameter.opts[0]} of {name!r} has no help"


def test_every_path_of_the_api_is_documented() -> None:
    routes = [route for module in (status, models, incidents) for route in module.router.routes]
    known = [f"{m} {r.path}" for r in routes if isinstance(r, Route) for m in r.methods or ()]
    known += [f"POST {path}" for path in PATHS.values()]
    assert len(known) >= 12
    missing = [each for each in known if f"## {each.replace(':path', '')}\n" not in page("api.md")]
    assert not missing, f"paths without documentation: {missing}"


def test_every_plug_in_of_ours_is_documented() -> None:
    for family in FAMILIES:
        ours = {name for name, point in family._members().items() if point.dist and point.dist.name == DISTRIBUTION}
        assert ours == set(plugins.members(family)), f"{family.group}: the installed entry points differ; make install"
        for name in ours:
            assert f"### {name}\n" in page("plugins.md"), f"{family.noun} {name!r} is not documented"


def test_every_metric_that_anything_names_is_documented() -> None:
    named = PERFORMANCE_METRICS | set(KNOWN) | {m for each in DEFAULT_METRICS.values() for m in each}
    named |= {"labels"}
    missing = [name for name in named if f"| `{name}` |" not in page("metrics.md")]
    assert not missing, f"metrics without documentation: {missing}"
    assert not re.search(r"^\| `\w+` \|.*\|\s*\|$", page("metrics.md"), re.MULTILINE), "a metric has no meaning"


def test_every_error_is_documented() -> None:
    def below(kind: type[KedgeError]) -> Iterator[type[KedgeError]]:
        for child in kind.__subclasses__():
            yield from (child, *below(child))

    ours = [kind for kind in below(KedgeError) if kind.__module__.split(".")[0] in ("monitor", "collectors", "alerts")]
    missing = [kind.__name__ for kind in ours if f"| `{kind.__name__}` |" not in page("errors.md")]
    assert not missing, f"errors without documentation: {missing}"
