"""BentoML's monitoring logs, as BentoML 1.4.39 wrote them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collectors.formats import Decoded, Log, find_format
from collectors.formats.bentoml import bentoml_record
from collectors.wire import DeclaredFeatures, WirePrediction
from monitor.config import NO_MAPPING, MappingSettings
from monitor.schemas import FeatureKind

RECORDINGS = Path(__file__).parents[1] / "recordings" / "bentoml"


def decode(
    body: bytes, memory: dict[str, Any] | None = None, path: str = "", model: str | None = None, **mapping: Any
) -> list[Decoded]:
    settings = MappingSettings(**mapping) if mapping else NO_MAPPING
    log = Log(body, path=path, model=model, mapping=settings, memory={} if memory is None else memory)
    return list(find_format("bentoml").decode(log))


def recorded(path: str, memory: dict[str, Any], **known: Any) -> list[WirePrediction]:
    parts = decode((RECORDINGS / path).read_bytes(), memory, path, **known)
    assert [refused.reason for part in parts for refused in part.refusals] == []
    return [record for part in parts for record in part.records if isinstance(record, WirePrediction)]


def with_schemas(*monitors: str) -> dict[str, Any]:
    memory: dict[str, Any] = {}
    for monitor in monitors:
        assert recorded(f"monitoring/{monitor}/schema/schema.1.log", memory) == []
    return memory


def line(**fields: Any) -> bytes:
    row = {"timestamp": "2026-07-01T14:00:00.25", "request_id": "7", "trace_id": "8"}
    return json.dumps(fields | {key: fields.get(key, value) for key, value in row.items()}).encode() + b"\n"


def only(parts: list[Decoded]) -> WirePrediction:
    ((record,),) = [part.records for part in parts]
    assert isinstance(record, WirePrediction)
    return record


def test_a_recorded_row_is_a_prediction_with_its_roles_from_the_schema() -> None:
    first = recorded("monitoring/electricity/data/data.1.log", with_schemas("electricity"))[0]
    assert first == WirePrediction(
        model="electricity",
        prediction_id="14383866179560337097",
        event_time=datetime(2026, 11, 20, 3, 53, 22, 768670, tzinfo=UTC),
        features={
            "day": 7.0,
            "period": 0.0,
            "nswprice": 0.055242,
            "nswdemand": 0.202767,
            "vicprice": 0.003467,
            "vicdemand": 0.422915,
            "transfer": 0.414912,
        },
        prediction="DOWN",
        score=0.06487181787243396,
        tags={"request_id_hex": "c79dc214d172eec9", "trace_id": "fcf80a874e8d89ba04fe8cfa52bc57f2"},
    )


def test_every_recorded_row_is_read_and_rows_of_one_request_are_numbered() -> None:
    records = recorded("monitoring/electricity/data/data.1.log", with_schemas("electricity"))
    ids = [record.prediction_id for record in records]
    assert len(set(ids)) == len(records) == 40
    assert ids[-10:] == ["11233261163931808625", *(f"11233261163931808625/{row}" for row in range(1, 10))]
    assert {record.prediction for record in records} <= {"UP", "DOWN"}


def test_a_regressions_one_number_is_its_prediction() -> None:
    records = recorded("monitoring/bike/data/data.1.log", with_schemas("bike"))
    assert len(records) == 20
    assert records[0].prediction == pytest.approx(32.71329718)
    assert records[0].score is None
    assert "cnt" not in records[0].features


def test_rows_of_two_monitors_in_one_file_go_to_their_own_models() -> None:
    records = recorded("monitoring_mixed/bike/data/data.1.log", with_schemas("electricity", "bike"))
    assert [record.model for record in records] == ["bike", "electricity", "bike", "electricity", "bike"]
    assert [record.prediction for record in records if record.model == "electricity"] == ["DOWN", "DOWN"]


def test_a_named_model_does_not_swallow_two_monitors() -> None:
    memory = with_schemas("electricity", "bike")
    records = recorded("monitoring_mixed/bike/data/data.1.log", memory, model="demand")
    assert {record.model for record in records} == {"bike", "electricity"}


def test_a_named_model_renames_the_only_monitor() -> None:
    records = recorded("monitoring/bike/data/data.1.log", with_schemas("bike"), model="demand")
    assert {record.model for record in records} == {"demand"}


def test_a_row_that_fits_no_schema_is_refused_and_not_put_down_to_the_folder() -> None:
    body = (RECORDINGS / "monitoring_mixed/bike/data/data.1.log").read_bytes()
    (part,) = decode(body, with_schemas("bike"), "monitoring/bike/data/data.1.log")
    assert [record.model for record in part.records] == ["bike"] * 3
    assert [refused.index for refused in part.refusals] == [1, 3]
    assert "fit no schema; known: 'bike'; send the schema log" in part.refusals[0].reason


def test_a_schema_declares_the_kinds_of_the_features() -> None:
    path = "monitoring/bike/schema/schema.1.log"
    (part,) = decode((RECORDINGS / path).read_bytes(), {}, path)
    (declared,) = part.declared
    assert declared.model == "bike"
    assert set(declared.kinds.values()) == {FeatureKind.NUMERIC}
    assert len(declared.kinds) == 11


def test_a_schema_that_comes_again_is_skipped() -> None:
    path = "monitoring/bike/schema/schema.1.log"
    (part,) = decode((RECORDINGS / path).read_bytes() * 2, {}, path)
    assert (len(part.declared), part.skipped) == (1, 1)


def test_schema_and_data_may_stand_in_one_body() -> None:
    folder = RECORDINGS / "monitoring" / "bike"
    body = (folder / "schema/schema.1.log").read_bytes() + (folder / "data/data.1.log").read_bytes()
    (part,) = decode(body, model="demand")
    assert {record.model for record in part.records} == {"demand"}
    assert part.declared[0].model == "demand"
    assert len(part.records) == 20


def test_rows_are_counted_across_the_logs_of_a_source() -> None:
    memory: dict[str, Any] = {}
    ids = [only(decode(line(age=age, pred=1), memory)).prediction_id for age in (1, 2, 3)]
    assert ids == ["7", "7/1", "7/2"]


def test_two_monitors_in_one_request_both_start_at_row_0() -> None:
    memory: dict[str, Any] = {}
    ids = [only(decode(line(pred=1), memory, f"{name}/data/data.1.log")).prediction_id for name in ("a", "b")]
    assert ids == ["7", "7"]


def test_the_memory_of_requests_is_bounded_and_plain_json() -> None:
    memory: dict[str, Any] = {}
    decode(b"".join(line(pred=1, request_id=str(i)) for i in range(2000)), memory)
    assert len(memory["rows"]) <= 500
    assert json.loads(json.dumps(memory)) == memory


def test_local_times_are_in_the_mappings_zone() -> None:
    record = only(decode(line(pred=1), time_zone="Europe/Berlin"))
    assert record.event_time == datetime(2026, 7, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize("column", ["prediction", "pred", "output"])
def test_without_a_schema_the_usual_names_are_the_prediction(column: str) -> None:
    record = only(decode(line(age=39, **{column: "late"})))
    assert (record.prediction, record.features) == ("late", {"age": 39})


@pytest.mark.parametrize("column", ["target", "label"])
def test_without_a_schema_a_target_is_the_label(column: str) -> None:
    record = only(decode(line(age=39, pred="late", **{column: "on time"})))
    assert (record.prediction, record.label) == ("late", "on time")


def test_without_a_schema_the_mapping_names_the_prediction() -> None:
    record = only(decode(line(age=39, delay=4.5), fields={"prediction": "delay"}))
    assert (record.prediction, record.features) == (4.5, {"age": 39})


def test_an_id_in_a_column_of_its_own_is_the_predictions() -> None:
    record = only(decode(line(age=39, pred=1, order=7), fields={"prediction_id": "order", "prediction": "pred"}))
    assert (record.prediction_id, record.features) == ("7", {"age": 39})


def test_probabilities_per_class_are_scores_and_the_likeliest_is_the_prediction() -> None:
    schema = {
        "meta_data": {"bento_name": "b", "bento_version": "2a"},
        "columns": [
            {"name": "age", "role": "feature", "type": "numerical"},
            {"name": "proba_yes", "role": "prediction", "type": "numerical"},
            {"name": "proba_no", "role": "prediction", "type": "numerical"},
            {"name": "truth", "role": "target", "type": "categorical"},
        ],
    }
    body = json.dumps(schema).encode() + b"\n" + line(age=1, proba_yes=0.75, proba_no=0.25, truth="no")
    (part,) = decode(body, model="m", positive="yes")
    record = part.records[0]
    assert isinstance(record, WirePrediction)
    assert (record.prediction, record.score, record.scores) == ("yes", 0.75, {"yes": 0.75, "no": 0.25})
    assert (record.label, record.version, record.features) == ("no", "2a", {"age": 1})


def test_a_sequence_of_numbers_is_a_feature_each() -> None:
    assert only(decode(line(embedding=[0.5, 1.5], pred=1))).features == {"embedding_0": 0.5, "embedding_1": 1.5}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"pred": {"a": 1}}, "column 'pred' is {'a': 1}"),
        ({"age": ["a"]}, "accepted: a list of numbers"),
        ({"timestamp": "noon"}, "timestamp 'noon' is not readable"),
        ({"timestamp": None, "request_id": None}, "no timestamp and no request_id"),
    ],
)
def test_a_row_that_is_not_usable_is_refused_with_the_reason(fields: dict[str, Any], reason: str) -> None:
    (part,) = decode(line(**fields))
    assert reason in part.refusals[0].reason
    assert not part.records


def test_a_schema_of_another_shape_is_refused() -> None:
    (part,) = decode(b'{"meta_data": {}, "columns": [{"role": "feature"}]}', model="m")
    assert "the schema is not BentoML's" in part.refusals[0].reason


def test_a_schema_whose_monitor_nobody_names_is_refused() -> None:
    (part,) = decode(b'{"meta_data": {}, "columns": []}')
    assert "the schema names no monitor" in part.refusals[0].reason


def test_the_body_of_an_otlp_record_brings_its_schema_along() -> None:
    memory: dict[str, Any] = {}
    meta = {
        "bento_name": "demo",
        "bento_version": "not available",
        "monitor_name": "delays",
        "schema": {
            "dist": {"name": "dist", "role": "feature", "type": "numerical"},
            "delay": {"name": "delay", "role": "prediction", "type": "numerical"},
        },
    }
    first = {
        "dist": 800.0,
        "delay": 4.5,
        "timestamp": 1795147254.5,
        "request_id": "7",
        "trace_id": "9",
        "bento_meta": meta,
    }
    declared, record = bentoml_record(first, memory)
    assert declared == DeclaredFeatures(model="delays", kinds={"dist": FeatureKind.NUMERIC})
    assert isinstance(record, WirePrediction)
    assert (record.model, record.version, record.prediction) == ("delays", None, 4.5)
    assert record.event_time == datetime.fromtimestamp(1795147254.5, UTC)
    (later,) = bentoml_record({key: value for key, value in first.items() if key != "bento_meta"}, memory)
    assert isinstance(later, WirePrediction)
    assert (later.model, later.prediction_id) == ("delays", "7/1")


def test_it_recognises_schema_and_data_lines_only() -> None:
    log_format = find_format("bentoml")
    assert log_format.sniff(Log((RECORDINGS / "monitoring/bike/schema/schema.1.log").read_bytes()))
    assert log_format.sniff(Log(line(pred=1)))
    assert not log_format.sniff(Log(b'{"model": "m", "request_id": "1", "timestamp": "2026-01-01T00:00:00"}'))
