"""From pieces of a log to stretches of records: places, refusals, and what is cut where."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from collectors.formats.gathering import STRETCH, Broken, Outcome, first_object, gather, read_objects
from collectors.wire import DeclaredFeatures, Half, Side, WireLabel, WirePrediction


def predicted(piece: dict[str, Any]) -> list[Outcome]:
    """A piece as these tests write it: `id`, or `ids` of several rows, or a label."""
    if "label" in piece:
        return [WireLabel(prediction_id=piece["id"], label=piece["label"])]
    ids = piece["ids"] if "ids" in piece else [piece["id"]]
    return [WirePrediction(prediction_id=each, score=piece.get("score")) for each in ids]


def test_places_count_the_records_and_not_the_lines() -> None:
    (part,) = gather([{"ids": ["a", "a/1"]}, {"ids": ["b"]}], predicted)
    assert [record.prediction_id for record in part.records if isinstance(record, WirePrediction)] == ["a", "a/1", "b"]
    assert part.places == [0, 1, 2]


def test_a_stretch_holds_records_of_one_type_only() -> None:
    parts = list(gather([{"id": "a"}, {"id": "a", "label": 1}, {"id": "b"}], predicted))
    assert [[type(record) for record in part.records] for part in parts] == [
        [WirePrediction],
        [WireLabel],
        [WirePrediction],
    ]
    assert [part.places for part in parts] == [[0], [1], [2]]


def test_stretches_are_bounded_also_when_one_piece_has_many_rows() -> None:
    parts = list(gather([{"ids": [f"a/{i}" for i in range(2 * STRETCH + 1)]}], predicted))
    assert [len(part.records) for part in parts] == [STRETCH, STRETCH, 1]


def test_stretches_are_bounded_also_when_nothing_can_be_read() -> None:
    parts = list(gather([Broken("no") for _ in range(STRETCH + 1)], predicted))
    assert sum(len(part.refusals) for part in parts) == STRETCH + 1
    assert len(parts) > 1


def test_a_piece_that_gives_nothing_is_skipped() -> None:
    (part,) = gather([{"ids": []}, {"id": "a"}], predicted)
    assert (part.skipped, part.places) == (1, [1])


def test_a_record_that_is_not_usable_is_refused_and_its_neighbours_are_not() -> None:
    (part,) = gather([{"id": "a"}, {"id": "b", "score": math.inf}, {"id": "x" * 300}, {"id": "c"}], predicted)
    assert part.places == [0, 3]
    assert [(refused.index, refused.reason) for refused in part.refusals] == [
        (1, "score is inf; accepted: a finite number"),
        (2, f"prediction_id: expected `str` of length <= 256; got '{'x' * 59}…"),
    ]


def test_a_refused_record_is_kept_by_itself_and_not_with_its_whole_piece() -> None:
    (part,) = gather([{"ids": ["a", "x" * 300], "score": 0.5}], predicted)
    assert json.loads(part.refusals[0].payload) == {"prediction_id": "x" * 300, "score": 0.5}


def test_a_half_with_an_unusable_row_or_id_is_refused() -> None:
    def half(piece: str) -> list[Outcome]:
        row = WirePrediction(score=math.inf if piece == "bad" else 0.5)
        return [Half(key=piece, side=Side.RESPONSE, request_id=piece, rows=[row])]

    (part,) = gather(["a", "bad", ""], half)
    assert [each.key for each in part.halves] == ["a"]
    assert part.half_places == [0]
    assert [refused.reason for refused in part.refusals] == [
        "score is inf; accepted: a finite number",
        "request id '' is not usable; accepted: 1 to 256 characters",
    ]


def test_declared_features_have_no_place() -> None:
    (part,) = gather([1], lambda _: [DeclaredFeatures(model="m", kinds={}), WirePrediction(prediction_id="a")])
    assert (len(part.declared), part.places) == (1, [0])


@pytest.mark.parametrize("body", [b'{"a": 1}\n{"a": 2}', b'\n{"a": 1}\r\n\n{"a": 2}\n', b'[{"a": 1}, {"a": 2}]'])
def test_objects_are_one_a_line_or_in_an_array(body: bytes) -> None:
    for marked in (body, b"\xef\xbb\xbf" + body):
        assert list(read_objects(marked)) == [{"a": 1}, {"a": 2}]
        assert first_object(marked) == {"a": 1}


def test_a_line_in_brackets_is_no_array_and_loses_no_neighbour() -> None:
    first, *others = read_objects(b'[INFO] started\n{"a": 1}\n{"a": 2}\n')
    assert isinstance(first, Broken)
    assert (first.payload, others) == (b"[INFO] started", [{"a": 1}, {"a": 2}])


def test_a_bare_nan_is_read_as_python_writes_it() -> None:
    (found,) = read_objects(b'{"a": NaN}')
    assert isinstance(found, dict)
    assert math.isnan(found["a"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"3", "3 is no JSON object"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        (b"[3]", "3 is no JSON object"),
        (b"[", "not JSON"),
    ],
)
def test_a_line_that_is_no_object_is_broken_and_says_why(line: bytes, reason: str) -> None:
    (broken,) = read_objects(line)
    assert isinstance(broken, Broken)
    assert reason in broken.reason
    assert first_object(line) == {}


def test_text_that_is_no_unicode_refuses_its_record_alone() -> None:
    sent = [json.loads('{"id": "\\ud800"}'), {"id": "b"}]
    (part,) = gather(sent, predicted)
    assert part.places == [1]
    assert "surrogate" in part.refusals[0].reason
