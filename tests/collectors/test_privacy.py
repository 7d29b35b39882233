"""What is dropped, hashed and blacked out of records, halves, labels, declarations and refusals."""

from __future__ import annotations

import doctest
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import privacy_rules
from collectors.formats.registry import WHOLE_BODY, Decoded
from collectors.privacy import Privacy
from collectors.privacy_rules import Hasher
from collectors.wire import DeclaredFeatures, Half, Side, WireLabel, WirePrediction
from monitor.config import CollectorSettings
from monitor.errors import ConfigError
from monitor.records import Refusal
from monitor.schemas import FeatureKind

KEY = "a key of 32 characters for tests"


def privacy(mappings: dict[str, Any] | None = None, **tables: dict[str, Any]) -> Privacy:
    every = {"every": "*"}
    made = Privacy.of(
        CollectorSettings(
            privacy={every.get(model, model): rules for model, rules in tables.items()},
            privacy_key=KEY,
            mappings=mappings or {},
        )
    )
    assert made is not None
    return made


def cleaned(rules: Privacy, model: str | None = "m", **fields: Any) -> WirePrediction:
    record = WirePrediction(model=model, **fields)
    rules.clean(Decoded([record], [0]), None)
    return record


def refused(rules: Privacy, payload: Any, reason: str = "bad", model: str | None = "m", index: int = 0) -> Refusal:
    sent = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return rules.clean_refusal(Refusal(index=index, reason=reason, model=model, payload=sent))


def test_no_rules_are_no_object() -> None:
    assert Privacy.of(CollectorSettings()) is None


def test_features_and_tags_are_dropped_by_name_in_any_case() -> None:
    record = cleaned(privacy(m={"drop": ["SSN", "geo_*"]}), features={"ssn": 1, "age": 2}, tags={"geo_city": "x"})
    assert (record.features, record.tags) == ({"age": 2}, {})


def test_a_model_without_rules_is_left_alone_and_those_of_star_hold_for_every_model() -> None:
    assert cleaned(privacy(m={"drop": ["a"]}), "other", features={"a": 1}).features == {"a": 1}
    both = privacy(every={"drop": ["a"]}, m={"drop": ["b"]})
    assert cleaned(both, "other", features={"a": 1, "b": 2}).features == {"b": 2}
    assert cleaned(both, "m", features={"a": 1, "b": 2}).features == {}
    assert both.concerns("other")
    assert not privacy(m={"drop": ["a"]}).concerns("other")


def test_a_record_that_names_no_model_is_under_the_rules_of_the_requests_or_else_of_all() -> None:
    rules = privacy(m={"drop": ["a"]}, n={"drop": ["b"]})
    record = WirePrediction(features={"a": 1, "b": 2})
    rules.clean(Decoded([record], [0]), "m")
    assert record.features == {"b": 2}
    assert cleaned(rules, None, features={"a": 1, "b": 2}).features == {}


def test_hashes_are_texts_that_need_the_key_and_are_equal_for_equal_values() -> None:
    rules = privacy(m={"hash": ["card", "entity_id"]})
    one, two = (cleaned(rules, features={"card": value}, entity_id="ann") for value in (7, 7.0))
    assert one.features == two.features
    assert isinstance(one.features["card"], str)
    assert one.entity_id == two.entity_id == rules.hashed("ann") != "ann"
    assert Hasher("another key of some length").hashed("ann") != one.entity_id


def test_a_missing_value_stays_missing() -> None:
    features = cleaned(privacy(m={"hash": ["*"]}), features={"a": None, "b": math.nan}).features
    assert features["a"] is None
    assert features["b"] != features["b"]


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans()))
def test_hashing_a_hash_changes_nothing(value: Any) -> None:
    hasher = Hasher(KEY)
    once = hasher.hashed(value)
    assert hasher.hashed(once) == once
    assert len(once) == 41


def test_what_only_looks_like_a_hash_is_hashed() -> None:
    assert Hasher(KEY).hashed("#" + "0" * 40) != "#" + "0" * 40


def test_a_name_that_is_dropped_and_hashed_is_dropped() -> None:
    assert cleaned(privacy(m={"drop": ["a"], "hash": ["*"]}), features={"a": 1}).features == {}


def test_a_data_subject_can_be_dropped() -> None:
    assert cleaned(privacy(m={"drop": ["entity_id"]}), entity_id="ann").entity_id is None


def test_texts_are_redacted_and_ids_are_not() -> None:
    mail = "a@example.com"
    record = cleaned(
        privacy(m={"redact": ["email"]}),
        prediction_id=mail, entity_id=mail, features={"note": mail, "n": 1}, tags={"t": mail}, error=mail,
        prediction=mail, label=mail,
    )  # fmt: skip
    assert (record.prediction_id, record.entity_id, record.features["n"]) == (mail, mail, 1)
    assert [record.features["note"], record.tags["t"], record.error, record.prediction, record.label] == ["[email]"] * 5


def test_an_error_does_not_repeat_what_was_dropped() -> None:
    record = cleaned(privacy(m={"drop": ["ssn"]}), features={"ssn": "123-45"}, error="ssn '123-45' is 123-45x")
    assert record.error == "ssn '***' is 123-45x"


def test_halves_labels_and_declarations_are_cleaned() -> None:
    rules = privacy(m={"drop": ["a"], "hash": ["b"], "redact": ["email"]})
    half = Half(key="k", side=Side.REQUEST, request_id="k", rows=[WirePrediction(features={"a": 1, "b": 2, "c": 3})])
    label = WireLabel(model="m", prediction_id="x", label="a@example.com")
    kinds = dict.fromkeys("abc", FeatureKind.NUMERIC)
    decoded = Decoded([label], [0], halves=[half], half_places=[1], declared=[DeclaredFeatures(model="m", kinds=kinds)])
    rules.clean(decoded, "m")
    assert half.rows[0].features == {"b": rules.hashed("2"), "c": 3}
    assert label.label == "[email]"
    assert decoded.declared[0].kinds == {"b": FeatureKind.CATEGORICAL, "c": FeatureKind.NUMERIC}


def test_a_payload_in_which_nothing_is_named_is_kept_byte_by_byte() -> None:
    sent = b'{"model":"m",  "oops": 1}'
    assert refused(privacy(m={"drop": ["ssn"], "redact": ["email"]}), sent).payload == sent


def test_a_refused_record_keeps_its_names_and_ids_and_loses_what_the_rules_say() -> None:
    rules = privacy(m={"drop": ["ssn"], "hash": ["entity_id"], "redact": ["email"]})
    sent = {
        "model": "m", "prediction_id": "a@example.com", "entity_id": "ann", "featurs": {"ssn": 5, "deep": {"ssn": "x"}},
        "features": {"ssn": "123-45", "note": "x; {y} a@example.com"}, "error": "no 123-45", "score": 0.5,
    }  # fmt: skip
    found = refused(rules, sent, "unknown key 'featurs'; got '123-45' and 'ann' of a@exam…")
    assert json.loads(found.payload) == {
        "model": "m", "prediction_id": "a@example.com", "entity_id": rules.hashed("ann"), "featurs": {"deep": {}},
        "features": {"note": "x; {y} [email]"}, "error": "no ***", "score": 0.5,
    }  # fmt: skip
    assert found.reason == "unknown key 'featurs'; got '***' and '***' of ***…"


def test_a_key_that_comes_twice_hides_nothing() -> None:
    rules = privacy(m={"drop": ["ssn"], "redact": ["email"]})
    assert b"example" not in refused(rules, b'{"note": "a@example.com", "note": "b"}').payload


@pytest.mark.parametrize(
    "payload",
    [
        b"39,canary\n",
        b"{broken: canary",
        b'"canary"',
        b'{"features": "ssn is canary"}',
        b'{"features": "canary"}',
        b'{"features": ["canary"]}',
        b'{"instances": [["canary"]]}',
        b'{"inputs": [{"name": "ssn", "shape": [1], "datatype": "BYTES", "data": ["canary"]}]}',
        b'{"data": "39,canary"}',
        b'{"data": "{\\"row\\": [\\"canary\\"]}"}',
        b'{"data": "Y2FuYXJ5"}',
        b"\xff\x00canary",
        b'{"a": "canary"}' * 80_000,
    ],
)
def test_a_payload_with_values_that_have_no_name_is_not_kept_and_the_reason_says_so(payload: bytes) -> None:
    found = refused(privacy(m={"drop": ["ssn"]}), payload, "it can't be 'canary' or `canar…")
    assert found.payload == b""
    assert "(what was sent is not kept: collector.privacy has rules for it, and" in found.reason
    assert "canar" not in found.reason


def test_json_inside_a_text_is_taken_apart() -> None:
    found = refused(privacy(m={"drop": ["ssn"]}), {"data": '{"ssn": "canary", "age": 3}'}, model="m")
    assert json.loads(json.loads(found.payload)["data"]) == {"age": 3}


def test_without_names_to_drop_any_text_is_kept_without_what_looks_personal() -> None:
    rules = privacy(m={"redact": ["email"]})
    found = refused(rules, b"39,a@example.com\n", "the row says a@example.com")
    assert (found.payload, found.reason) == (b"39,[email]\n", "the row says [email]")
    assert json.loads(refused(rules, {"rows": [["a\u0040example.com", 1]]}).payload) == {"rows": [["[email]", 1]]}
    binary = refused(rules, b"PAR1\xff\x00")
    assert (binary.payload, "it is no text" in binary.reason) == (b"", True)


def test_every_rule_holds_for_a_whole_body_and_for_a_record_of_no_model() -> None:
    rules = privacy(m={"drop": ["ssn"]}, n={"drop": ["name"]})
    body = [{"model": "m", "features": {"ssn": 1}}, {"model": "n", "features": {"name": 2, "x": 3}}]
    found = refused(rules, body, model="n", index=WHOLE_BODY)
    assert [each["features"] for each in json.loads(found.payload)] == [{}, {"x": 3}]
    assert json.loads(refused(rules, {"features": {"ssn": 1, "name": 2}}, model=None).payload) == {"features": {}}
    lines = b'{"features": {"ssn": 1}}\n{"features": {"ssn": 2}}\n'
    assert refused(rules, lines, index=WHOLE_BODY).payload == b'{"features": {}}\n{"features": {}}'


def test_a_mapping_says_where_a_feature_is() -> None:
    mapping = {"features": {"ssn": "in.person.number"}, "fields": {"entity_id": "who"}}
    rules = privacy({"m": mapping}, m={"drop": ["ssn"], "hash": ["entity_id"]})
    found = refused(rules, {"in": {"person": {"number": 5, "age": 3}, "number": 6}, "who": "ann"})
    assert json.loads(found.payload) == {
        "in": {"person": {"age": 3}, "number": 6}, "who": rules.hashed("ann")
    }  # fmt: skip


def test_an_empty_payload_stays_empty_and_its_reason_is_cleaned() -> None:
    found = refused(privacy(m={"redact": ["email"]}), b"", "no a@example.com here")
    assert (found.payload, found.reason) == (b"", "no [email] here")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("canary-value"),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["ssn", "a", "features", "data"]), inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_nothing_under_a_dropped_name_is_ever_kept(sent: Any) -> None:
    rules = privacy(m={"drop": ["ssn"]})
    found = refused(rules, {"features": {"ssn": sent}, "ssn": sent, "deep": {"x": {"ssn": sent}}}, f"got {sent!r}")
    assert b"canary-value" not in found.payload
    assert "canary-value" not in found.reason


@given(st.binary(max_size=200), st.text(max_size=50))
def test_no_payload_breaks_it(payload: bytes, reason: str) -> None:
    rules = privacy(m={"drop": ["ssn"], "hash": ["x*"], "redact": ["email", "ip", "card", "iban", "phone"]})
    assert isinstance(refused(rules, payload, reason).payload, bytes)


def test_deep_json_is_not_kept_and_breaks_nothing() -> None:
    assert refused(privacy(m={"drop": ["ssn"]}), b"[" * 5000 + b"]" * 5000).payload == b""


def test_a_short_or_absent_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="has 5 characters; accepted: 16 or more"):
        Privacy(CollectorSettings(privacy={"m": {"hash": ["a"]}}, privacy_key="short"))
    with pytest.raises(ConfigError, match="'NO_SUCH_VARIABLE' is not set"):
        Privacy(CollectorSettings(privacy={"m": {"hash": ["a"]}}, privacy_key="env:NO_SUCH_VARIABLE"))
    with pytest.raises(ValueError, match=r"privacy.m.hash needs privacy_key"):
        CollectorSettings(privacy={"m": {"hash": ["a"]}})


@pytest.mark.parametrize("rules", [{"drop": ["prediction_id"]}, {"hash": ["Prediction_ID"]}])
def test_prediction_ids_can_not_be_touched(rules: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="prediction_id can't be dropped or hashed: labels join by it"):
        CollectorSettings(privacy={"m": rules}, privacy_key=KEY)


def test_examples_in_docstrings_are_true() -> None:
    result = doctest.testmod(privacy_rules)
    assert result.failed == 0
    assert result.attempted
