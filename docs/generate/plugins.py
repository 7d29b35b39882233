"""docs/reference/plugins.md, from the plug-in families and the members that this repository registers."""

from __future__ import annotations

import inspect
import pkgutil
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from alerts import Channel, ResponseTarget
from collectors.formats import LogFormat
from collectors.sources.registry import Options, Source
from docs.generate.markdown import code, doc_of, join, table
from docs.generate.settings import options_table
from monitor.drift import DriftMethod
from monitor.drift.many import ManyColumnMethod
from monitor.drift.many.pooled import PooledMethod
from monitor.drift.methods import Gives
from monitor.drift.sequences import SequenceMethod
from monitor.engines import Engine
from monitor.performance.custom import MetricFunction
from monitor.plugins import (
    CHANNELS,
    DRIFT_METHODS,
    ENGINES,
    FAMILIES,
    LOG_FORMATS,
    MANY_COLUMN_METHODS,
    METRICS,
    RESPONSE_TARGETS,
    SEQUENCE_METHODS,
    SOURCES,
    Family,
)

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
# What each family's members are, and the test that runs over all of them.
INTERFACES: Mapping[Family, tuple[type, str]] = {
    LOG_FORMATS: (LogFormat, "tests/collectors/test_format_contract.py"),
    SOURCES: (Source, "tests/contracts/test_source_contract.py"),
    DRIFT_METHODS: (DriftMethod, "tests/contracts/test_drift_method_contract.py"),
    MANY_COLUMN_METHODS: (ManyColumnMethod, "tests/contracts/test_many_column_contract.py"),
    SEQUENCE_METHODS: (SequenceMethod, "tests/drift/sequences/test_sequences.py"),
    METRICS: (MetricFunction, "tests/contracts/test_custom_metric_contract.py"),
    ENGINES: (Engine, "tests/contracts/test_engine_contract.py"),
    CHANNELS: (Channel, "tests/alerts/test_channel_contract.py"),
    RESPONSE_TARGETS: (ResponseTarget, "tests/alerts/test_channel_contract.py"),
}
_INTRO = """# Plug-ins

A plug-in is one class or object that a package announces under an entry-point group. Kedge's own members enter the
same way, and their names can't be taken by another package. They are loaded when they are first asked for. A name that
is not known ends with a `ConfigError` that lists the names there are.

```toml
[project.entry-points."kedge.formats"]
access-log = "your_package.access_log:AccessLog"
```

Each family has one test that runs over all of its members, yours too once it is registered:
[CONTRIBUTING](../../CONTRIBUTING.md#adding-a-plug-in) names the files to touch."""


def page() -> str:
    parts = [_INTRO]
    for family in FAMILIES:
        interface, contract = INTERFACES[family]
        parts += [
            f"## {family.noun.capitalize()}s",
            f"Group `{family.group}`, interface `{interface.__module__}.{interface.__name__}`, contract `{contract}`.",
            doc_of(interface),
            "\n".join(f"- `{signature}`" for signature in _methods(interface)),
            *(_member(name, value) for name, value in members(family).items()),
        ]
    return join(*parts)


def members(family: Family) -> dict[str, str]:
    """The members that this repository registers, with what each refers to."""
    groups = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["entry-points"]
    return dict(sorted(groups[family.group].items()))


def _methods(interface: type) -> list[str]:
    named = [f"{name}: {annotation}" for name, annotation in inspect.get_annotations(interface).items()]
    if is_dataclass(interface):
        return named
    methods = [
        f"{name}{inspect.signature(method)}".replace("(self, ", "(").replace("(self)", "()").replace("'", "")
        for name, method in vars(interface).items()
        if inspect.isfunction(method) and not name.startswith("_")
    ]
    return named + methods


def _member(name: str, value: str) -> str:
    member = pkgutil.resolve_name(value)
    meaning = _drift_method(member) if isinstance(member, DriftMethod) else doc_of(member)
    if isinstance(member, PooledMethod):  # an object whose class says nothing of this one
        meaning = f"{member.source}."
    options = getattr(member, "Options", None)
    title = [f"{member.title}."] if isinstance(getattr(member, "title", None), str) and not options else []
    parts = [f"### {name}", f"`{value}`", " ".join([*title, meaning])]
    if options:
        parts += [doc_of(options), _options(options)]
    if own := source_options(member):
        parts += [doc_of(own), options_table(own)]
    return join(*parts)


def _drift_method(method: DriftMethod) -> str:
    """What a drift method is, what its value means and from where on it is drift."""
    direction = "at most" if method.gives is Gives.P_VALUE else "at least"
    if not method.inclusive:
        direction = "below" if method.gives is Gives.P_VALUE else "above"
    traits = [
        f"gives a {method.gives}",
        f"on {', '.join(sorted(method.kinds))} columns",
        "the same whichever side is the reference" if method.symmetric else "the two sides are not alike",
        f"unchanged by {method.unchanged_by}",
        "also from profiles" if method.rows is None or method.profiles else "from rows only",
        f"drift when {direction} {method.threshold:g}",
    ]
    return f"{method.name}: {method.source}. It {'; '.join(traits)}."


def source_options(member: object) -> type[Options] | None:
    """The settings of a pull source of ours: they stand beside it in its module."""
    beside = vars(sys.modules[member.__module__]).values() if isinstance(member, type) else ()
    own = [each for each in beside if isinstance(each, type) and issubclass(each, Options) and each is not Options]
    return own[0] if own else None


def _options(options: Any) -> str:
    hints = get_type_hints(options)
    rows = [
        [
            code(field.name),
            getattr(hints[field.name], "__name__", str(hints[field.name])),
            "needed" if field.default is MISSING else code(repr(field.default)),
        ]
        for field in fields(options)
    ]
    return table(["option", "type", "default"], rows)
