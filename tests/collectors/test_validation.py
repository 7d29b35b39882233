"""What a record must satisfy, and how gaps are filled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from collectors.formats import Decoded
from collectors.validation import Terms, Validated, validate
from collectors.wire import WireLabel, WirePrediction, WireRecord
from monitor.config import CollectorSettings

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def numbered(count: int) -> list[str]:
    return [f"made-{number}" for number in range(count)]


def check(*records: WireRecord, limits: CollectorSettings | None = None, **given: Any) -> Validated:
    terms = Terms(now=NOW, limits=limits or CollectorSettings(), new_ids=numbered, **{"model": "m"} | given)
    return validate(Decoded(list(records), range(len(records))), terms)


def reason(record: WireRecord, **given: Any) -> str:
    """Why the record is refused, between two good ones that are not."""
    good = [WireLabel(prediction_id="g", label=0) if isinstance(record, WireLabel) else WirePrediction() for _ in "12"]
    validated = check(good[0], record, good[1], **given)
    assert len(validated.predictions) + len(validated.labels) == validated.accepted == 2
    (refusal,) = validated.refusals
    assert refusal.index == 1
    return refusal.reason


def test_gaps_are_filled_from_the_request_and_the_clock() -> None:
    (record,) = check(WirePrediction(), version="7").predictions
    assert (record.model, record.version, record.prediction_id, record.event_time) == ("m", "7", "made-0", NOW)


def test_what_a_record_says_itself_wins() -> None:
    said = WirePrediction(model="own", version="1", prediction_id="p", event_time=NOW - timedelta(1))
    validated = check(said, WirePrediction(), version="7")
    assert (said.model, said.version, said.prediction_id, said.event_time) == ("own", "1", "p", NOW - timedelta(1))
    assert validated.predictions[1].version == "7"


def test_without_any_version_it_is_unversioned() -> None:
    assert check(WirePrediction()).predictions[0].version == "unversioned"


@pytest.mark.parametrize(
    "sent",
    [
        datetime(2026, 3, 4, 10),  # noqa: DTZ001 (a sender without a zone)
        datetime(2026, 3, 4, 10, tzinfo=UTC),
        datetime(2026, 3, 4, 12, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 3, 4, 10, tzinfo=UTC).timestamp(),
    ],
)
def test_times_end_up_in_utc(sent: datetime | float) -> None:
    record, label = WirePrediction(event_time=sent), WireLabel(prediction_id="p", label=1, label_time=sent)
    check(record)
    check(label)
    assert record.event_time == label.label_time == datetime(2026, 3, 4, 10, tzinfo=UTC)
    assert isinstance(record.event_time, datetime)
    assert record.event_time.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (NOW + timedelta(seconds=301), "2026-03-04T12:05:01+00:00 lies in the future; accepted: up to 300 s ahead"),
        (
            datetime(1999, 12, 31, tzinfo=UTC),
            "event_time 1999-12-31T00:00:00+00:00 is too early; accepted: from 2000-01-01 on",
        ),
        (0.0, "is too early"),
        (1_772_000_000_000.0, "is not a time; accepted: ISO-8601 text or seconds since 1970; this looks like milli"),
        (float("nan"), "event_time nan is not a time"),
        (-1e300, "event_time -1e+300 is not a time"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "event_time"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))), "event_time"),
    ],
)
def test_impossible_times_are_refused(sent: datetime | float, expected: str) -> None:
    assert expected in reason(WirePrediction(event_time=sent))


def test_a_little_ahead_of_the_clock_is_accepted() -> None:
    assert check(WirePrediction(event_time=NOW + timedelta(seconds=300))).accepted == 1


def test_label_times_are_checked_as_well() -> None:
    late = NOW + timedelta(days=1)
    assert "label_time 2026-03-05" in reason(WireLabel(prediction_id="p", label=1, label_time=late))
    assert "label_time 2026-03-05" in reason(WirePrediction(label=1, label_time=late))


@pytest.mark.parametrize(
    "name", ["a..b", "trailing ", "../../etc", "🚢", "x" * 10_000, " lead", "a\x00b", "a\nb", "%2e%2e"]
)
def test_odd_model_names_are_refused_with_the_rule(name: str) -> None:
    assert "is not usable; accepted: 1 to 200 letters" in reason(WirePrediction(model=name))


def test_a_missing_model_name_says_where_to_put_it() -> None:
    validated = check(WirePrediction(), model=None)
    assert "model is missing; name it in the record or in the address: ?model=NAME" in validated.refusals[0].reason


@pytest.mark.parametrize("name", ["", "x" * 257, "a\x00b"])
def test_odd_feature_names_are_refused(name: str) -> None:
    assert "is not usable; accepted: 1 to 256 characters" in reason(WirePrediction(features={"ok": 1, name: 2}))


def test_a_nul_in_a_version_is_refused() -> None:
    assert "holds a NUL character" in reason(WirePrediction(version="1\x00"))


def test_too_many_features_are_refused() -> None:
    features = {f"f{number}": number for number in range(4)}
    limits = CollectorSettings(max_features=3)
    assert reason(WirePrediction(features=features), limits=limits) == "the record has 4 features; accepted: up to 3"


def test_a_record_that_is_too_large_is_refused_and_kept_whole() -> None:
    limits = CollectorSettings(max_record_bytes=1024)
    big = WirePrediction(features={"text": "x" * 2000})
    assert "bytes; accepted: up to 1024" in reason(big, limits=limits, body_bytes=3000)


def test_a_label_beside_a_prediction_gives_both() -> None:
    validated = check(WirePrediction(prediction_id="p", prediction=1, label="late"))
    assert validated.accepted == 1
    assert [record.prediction_id for record in validated.predictions] == ["p"]
    assert validated.labels == [WireLabel(model="m", prediction_id="p", label="late", label_time=NOW)]


def test_an_id_with_nothing_but_a_label_is_only_a_label() -> None:
    validated = check(WirePrediction(prediction_id="p", label=0), WirePrediction(prediction_id="q", error="no"))
    assert [record.prediction_id for record in validated.predictions] == ["q"]
    assert [record.prediction_id for record in validated.labels] == ["p"]


def test_nothing_is_nothing() -> None:
    assert check() == Validated()
