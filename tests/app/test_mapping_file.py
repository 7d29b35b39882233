"""The file of `kedge ingest --mapping`, in TOML and in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.app.mapping_file import load_mapping
from monitor.config import MappingSettings
from monitor.errors import ConfigError, KedgeError, NotFound

EXPECTED = MappingSettings(fields={"prediction": "out.label"}, features_at="in", latency_unit="s")


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    toml, in_json = tmp_path / "m.toml", tmp_path / "m.json"
    toml.write_text('features_at = "in"\nlatency_unit = "s"\n[fields]\nprediction = "out.label"\n')
    in_json.write_text(json.dumps({"fields": {"prediction": "out.label"}, "features_at": "in", "latency_unit": "s"}))
    assert load_mapping(toml) == load_mapping(in_json) == EXPECTED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"field = 1", r"mapping file '.*' is not usable: field: there is no such key; accepted: columns, fields, "),
        (b'[fields]\nprediction = "a["', r"fields: path 'a\[' is not readable"),
        (b'latency_unit = "h"', "latency_unit: Input should be 'ns', 'us', 'ms' or 's'"),
        (b"{", "is no TOML and no JSON"),
        (b"= 3", "is no TOML and no JSON"),
        (b"\xff", "is not UTF-8 text"),
    ],
)
def test_what_is_wrong_is_said_with_its_name(tmp_path: Path, text: bytes, why: str) -> None:
    file = tmp_path / "m.toml"
    file.write_bytes(text)
    with pytest.raises(ConfigError, match=why):
        load_mapping(file)


def test_a_file_that_is_not_there_is_an_error_of_kedge(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"mapping file '.*nope' can't be read: No such file"):
        load_mapping(tmp_path / "nope")
    with pytest.raises(KedgeError):
        load_mapping(tmp_path)
