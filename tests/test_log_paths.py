"""Paths into records: what can be written, and what is said about what can't."""

from __future__ import annotations

import pytest

from monitor.config import MappingSettings
from monitor.errors import InvalidValue
from monitor.log_paths import Step, parse_path

READABLE: dict[str, tuple[Step, ...]] = {
    "a": ("a",),
    "a.b": ("a", "b"),
    "out.proba[1]": ("out", "proba", 1),
    "[0].x": (0, "x"),
    "a[-1][2]": ("a", -1, 2),
    "$": (),
    "$.a": ("a",),
    "$[0]": (0,),
    '"http.status"': ("http.status",),
    "a['b.c'].d": ("a", "b.c", "d"),
    "sepal length": ("sepal length",),
    "@timestamp": ("@timestamp",),
}


@pytest.mark.parametrize("text", READABLE)
def test_a_path_is_read_step_by_step(text: str) -> None:
    assert parse_path(text) == READABLE[text]


@pytest.mark.parametrize("text", ["", ".a", "a.", "a..b", "a[", "a[x]", "a]", "a['x"])
def test_what_is_no_path_is_refused_with_the_place(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"is not readable at .*accepted: keys with dots between them"):
        parse_path(text)


WRONG = {
    "an unknown field": ({"fields": {"predicton": "x"}}, "'predicton' is no field .*; did you mean 'prediction'"),
    "a tag without a name": ({"fields": {"tags.": "x"}}, "'tags.' is no field"),
    "an unknown constant": ({"constants": {"colour": "red"}}, "'colour' is no field"),
    "an unreadable path": ({"fields": {"prediction": "x["}}, r"path 'x\[' is not readable"),
    "an unreadable feature": ({"features": {"age": "a..b"}}, "path 'a..b' is not readable"),
    "an unreadable condition": ({"where": {"a[": "1"}}, r"path 'a\[' is not readable"),
    "an unknown zone": ({"time_zone": "Mars/Olympus"}, "time zone 'Mars/Olympus' is not known"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_mapping_is_refused_when_it_is_read(what: str) -> None:
    settings, why = WRONG[what]
    with pytest.raises(ValueError, match=why):
        MappingSettings.model_validate(settings)
