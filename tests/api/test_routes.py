"""Every route of the HTTP process: what it answers, and how it refuses."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor import __version__
from monitor.app.files import flush_inbox
from monitor.app.stores import open_stores
from monitor.app.web import Web
from monitor.db import catalog

from .conftest import Api

READS = [
    "/v1/status",
    "/v1/models",
    "/v1/models/flight-delay",
    "/v1/metrics/flight-delay?metric=auc",
    "/v1/drift/flight-delay",
    "/v1/monitors/flight-delay",
    "/v1/incidents",
    "/v1/incidents/1",
    "/v1/quarantine",
    "/v1/quarantine?model=m&limit=1",
    "/metrics",
]
BAD = {
    "/v1/metrics/flight-delay": "query.metric: Field required",
    "/v1/metrics/flight-delay?metric=auc&from=yesterday": "query.from is 'yesterday'",
    "/v1/metrics/flight-delay?metric=auc&from=2026-03-04T12:00:00": "has no zone; write it as 2026-03-04T12",
    "/v1/metrics/flight-delay?metric=auc&to=0001-01-01T00:00:00%2B14:00": "accepted: years 1970 to 8999",
    "/v1/metrics/flight-delay?metric=auc&window=1x": "window size '1x' is not usable; accepted: a whole number",
    "/v1/metrics/flight-delay?metric=auc&window=0h": "window size '0h' is not usable",
    "/v1/metrics/flight-delay?metric=auc&window=99999999999999d": "at most 5200w",
    "/v1/metrics/flight-delay?metric=%00": "query.metric.0",
    "/v1/metrics/flight-delay?" + "metric=auc&" * 51: "query.metric",
    "/v1/drift/flight-delay?window=1h": "query.window is '1h'",
    "/v1/drift/flight-delay?window=2026-03-04": "has no zone",
    "/v1/drift/flight-delay?window=9999-12-31T23:59:59.999999Z": "accepted: years 1970 to 8999",
    "/v1/models/a%00b": "path.name",
    "/v1/incidents?state=closed": "'closed' is not known; accepted: open, acknowledged, resolved",
    "/v1/incidents?limit=0": "query.limit is '0'",
    "/v1/incidents?limit=1001": "query.limit is '1001'",
    "/v1/incidents?limit=many": "query.limit is 'many'",
    "/v1/incidents/first": "path.incident_id is 'first'",
    "/v1/incidents/0": "path.incident_id is '0'",
    "/v1/incidents/99999999999999999999999": "path.incident_id",
    "/v1/quarantine?limit=0": "query.limit is '0'",
    "/v1/quarantine?limit=1001": "query.limit is '1001'",
    "/v1/quarantine?model=%00": "query.model",
    "/v1/quarantine/first": "path.record_id is 'first'",
    "/v1/quarantine/0": "path.record_id is '0'",
}
ABSENT = {
    "/v1/models/nope": "model 'nope' does not exist; known: churn, flight-delay",
    "/v1/models/": "model '' does not exist",
    "/v1/metrics/nope?metric=auc": "model 'nope' does not exist",
    "/v1/drift/nope": "model 'nope' does not exist",
    "/v1/drift/flight-delay?window=2020-01-01T00:00:00Z": "has no drift scores",
    "/v1/monitors/nope": "model 'nope' does not exist",
    "/v1/incidents?model=nope": "model 'nope' does not exist",
    "/v1/incidents/999": "incident 999 does not exist",
    "/v1/quarantine/999": "quarantined record 999 does not exist",
    "/v1/nothing": "Not Found: GET /v1/nothing",
}


def test_models_come_worst_first(api: Api) -> None:
    rows = api.get("/v1/models").json()
    assert [(row["name"], row["state"]) for row in rows] == [
        ("churn", "critical"), ("flight-delay", "warning"), ("recommender", "no_data"), ("fraud-score", "ok"),
        ("house-price", "ok")]  # fmt: skip
    assert rows[0]["headline"].startswith("AUC 0.68, expected at least 0.76")


def test_one_model_is_told_whole(api: Api) -> None:
    told = api.get("/v1/models/flight-delay").json()
    assert told["row"]["name"] == "flight-delay"
    assert [version["name"] for version in told["versions"]] == ["1", "2", "3"]
    assert len(told["features"]) == 15
    assert told["window_sizes"] == ["P1D"]


def test_metrics_are_read_over_a_span_of_time(api: Api) -> None:
    everything = api.get("/v1/metrics/flight-delay", params={"metric": ["auc", "accuracy"]}).json()
    assert {point["metric"] for point in everything} == {"auc", "accuracy"}
    auc = [point for point in everything if point["metric"] == "auc"]
    assert len(auc) == 60
    span = {"metric": "auc", "from": auc[30]["start"], "to": auc[37]["start"], "window": "1d"}
    some = api.get("/v1/metrics/flight-delay", params=span).json()
    assert [point["breach"] for point in some] == [False, False, True, True, True, False, False]
    of_temp = api.get("/v1/metrics/flight-delay", params={"metric": "drift", "column": "temp"}).json()
    assert {point["column"] for point in of_temp} == {"temp"}


def test_a_time_in_another_zone_is_the_same_moment(api: Api) -> None:
    first = api.get("/v1/metrics/flight-delay?metric=auc").json()[10]["start"]
    there = datetime.fromisoformat(first).astimezone(tz=datetime.strptime("+0530", "%z").tzinfo).isoformat()
    points = api.get("/v1/metrics/flight-delay", params={"metric": "auc", "from": there}).json()
    assert points[0]["start"] == first


def test_drift_is_told_for_the_latest_window_and_for_an_earlier_one(api: Api) -> None:
    latest = api.get("/v1/drift/flight-delay").json()
    assert [row["feature"] for row in latest["rows"][:2]] == ["temp", "dewp"]
    earlier = datetime.fromisoformat(latest["window"]) - timedelta(days=30)
    table = api.get("/v1/drift/flight-delay", params={"window": earlier.isoformat()}).json()
    assert datetime.fromisoformat(table["window"]) == earlier
    assert [row["feature"] for row in table["rows"] if row["status"] == "breach"] == []


def test_monitors_come_with_their_latest_verdict(api: Api) -> None:
    rows = {row["name"]: row for row in api.get("/v1/monitors/flight-delay").json()}
    assert set(rows) == {"auc", "error_rate", "feature_drift", "latency_p95"}
    assert rows["auc"]["latest"]["verdict"] == "ok"


def test_incidents_are_narrowed_by_model_state_and_number(api: Api) -> None:
    found = api.get("/v1/incidents").json()
    assert [(row["model"], row["state"]) for row in found] == [
        ("churn", "open"), ("flight-delay", "acknowledged"), ("flight-delay", "resolved")]  # fmt: skip
    narrowed = api.get("/v1/incidents", params={"model": "flight-delay", "state": ["resolved", "open"]}).json()
    assert [row["state"] for row in narrowed] == ["resolved"]
    assert len(api.get("/v1/incidents?limit=1").json()) == 1


def test_one_incident_comes_with_evidence_timeline_messages_and_responses(api: Api) -> None:
    told = api.get("/v1/incidents/1").json()
    assert told["evidence"]["summary"] == "AUC 0.51, expected at least 0.66"
    assert [event["kind"] for event in told["events"]] == ["opened", "acknowledged", "resolved"]
    assert [message["state"] for message in told["notifications"]] == ["sent", "suppressed", "sent"]
    assert [run["state"] for run in told["runs"]] == ["blocked", "done"]


def test_an_incident_is_acknowledged_once_and_the_first_name_stands(api: Api, web: Web) -> None:
    first = api.post("/v1/incidents/3/acknowledge", json={"by": " mira "})
    assert first.status_code == 200
    assert (first.json()["row"]["state"], first.json()["row"]["acknowledged_by"]) == ("acknowledged", "mira")
    again = api.post("/v1/incidents/3/acknowledge", json={"by": "jo"})
    assert (again.status_code, again.json()["row"]["acknowledged_by"]) == (200, "mira")
    assert [event["kind"] for event in again.json()["events"]].count("acknowledged") == 1


def test_a_resolved_incident_can_not_be_acknowledged(api: Api) -> None:
    answer = api.post("/v1/incidents/1/acknowledge", json={"by": "mira"})
    assert (answer.status_code, answer.json()) == (
        409, {"error": "incident 1 is resolved; only open incidents can be acknowledged"})  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"json": {}}, "body.by: Field required"),
        ({"json": {"by": ""}}, "body.by is ''"),
        ({"json": {"by": "   "}}, "body.by is '   '"),
        ({"json": {"by": "x" * 201}}, "body.by is"),
        ({"json": {"by": "a\x00b"}}, "body.by is"),
        ({"json": {"by": 3}}, "body.by is 3"),
        ({"json": []}, "body is []"),
        ({"content": b'{"by": "\\ud800"}', "headers": {"content-type": "application/json"}}, "body"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, "body.1"),
        ({}, "body: Field required"),
    ],
)
def test_an_acknowledgement_without_a_usable_name_is_refused(api: Api, sent: dict[str, Any], why: str) -> None:
    answer = api.post("/v1/incidents/3/acknowledge", **sent)
    assert answer.status_code == 422
    assert answer.json().keys() == {"error"}
    assert answer.json()["error"].startswith(why)


def test_acknowledging_an_unknown_incident_is_not_found(api: Api) -> None:
    assert api.post("/v1/incidents/999/acknowledge", json={"by": "mira"}).status_code == 404


@pytest.mark.parametrize("path", BAD)
def test_a_bad_parameter_is_named_with_what_is_accepted(api: Api, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.json().keys()) == (422, {"error"})
    assert BAD[path] in answer.json()["error"]


@pytest.mark.parametrize("path", ABSENT)
def test_what_does_not_exist_is_a_404_that_names_it(api: Api, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.json().keys()) == (404, {"error"})
    assert ABSENT[path] in answer.json()["error"]


def test_a_wrong_method_is_answered_in_the_same_shape(api: Api) -> None:
    answer = api.get("/v1/predictions")
    assert (answer.status_code, answer.json()) == (405, {"error": "Method Not Allowed: GET /v1/predictions"})
    assert answer.headers["allow"] == "POST"


def test_an_unforeseen_failure_is_answered_in_the_same_shape(api: Api, web: Web) -> None:
    web.api.state.now = None
    answer = Api(web, raising=False).get("/v1/models")
    assert (answer.status_code, answer.json()) == (
        500, {"error": "an unexpected TypeError; the collector's log has the details"})  # fmt: skip
    with pytest.raises(TypeError):  # the server logs it
        api.get("/v1/models")


@pytest.mark.parametrize("name", ["eu/fraud", "a b.c_d:e@f+g-h", "50/50", "x/y/z", "monitors/eu", "v1"])
@pytest.mark.parametrize("encoded", [False, True])
def test_odd_model_names_are_found_under_every_path(api: Api, web: Web, name: str, encoded: bool) -> None:
    with web.db.session() as session:
        catalog.ensure_model(session, name, datetime.now(UTC))
    path = "".join(f"%{ord(letter):02X}" for letter in name) if encoded else name
    assert api.get(f"/v1/metrics/{path}?metric=auc").json() == []
    assert api.get(f"/v1/drift/{path}").json()["rows"] == []
    assert api.get(f"/v1/monitors/{path}").json() == []
    assert api.get("/v1/incidents", params={"model": name}).json() == []
    assert name in {row["name"] for row in api.get("/v1/models").json()}
    if not name.startswith("monitors/"):
        assert api.get(f"/v1/models/{path}").json()["row"]["name"] == name


def test_what_the_collector_takes_is_counted_in_status_and_metrics(api: Api, web: Web) -> None:
    before = api.get("/v1/status").json()
    sent = [{"model": "new", "prediction_id": str(n), "features": {"x": n}, "prediction": 1} for n in range(3)]
    assert api.post("/v1/predictions", json=[*sent, {"model": "-"}]).status_code == 202
    assert api.post("/v1/labels", json={"model": "new", "prediction_id": "1", "label": 0}).status_code == 202
    flush_inbox(open_stores(web.settings), web.inbox)
    told = api.get("/v1/status").json()
    grown = {"predictions_stored": 3, "labels_stored": 1}
    assert {count: told[count] - before[count] for count in grown} == grown
    assert api.get("/v1/models/new").json()["predictions"] == 3
    text = api.get("/metrics").text
    assert 'kedge_records_total{kind="predictions",outcome="accepted"} 3.0' in text
    assert 'kedge_records_total{kind="predictions",outcome="refused"} 1.0' in text


def test_metrics_are_prometheus_text(api: Api) -> None:
    answer = api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    line = re.compile(r'(# (HELP|TYPE) \S+ .+|[a-z_]+(\{([a-z]+="[^"]*",?)*\})? [-+0-9.eInfNa]+)')
    assert [row for row in answer.text.splitlines() if not line.fullmatch(row)] == []
    assert "kedge_inbox_records" in answer.text
    modern = api.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    assert modern.text.endswith("# EOF\n")


def test_the_health_check_says_that_it_is_alive(api: Api) -> None:
    assert api.get("/healthz").json() == {"status": "ok"}


def test_the_openapi_document_describes_collector_and_api(api: Api) -> None:
    document = api.get("/openapi.json").json()
    assert document["info"]["version"] == __version__
    assert set(document["paths"]) == {
        "/v1/logs", "/v1/traces", "/api/v1/traces",
        "/v1/predictions", "/v1/labels", "/v1/status", "/v1/models", "/v1/models/{name}", "/v1/metrics/{name}",
        "/v1/drift/{name}", "/v1/monitors/{name}", "/v1/incidents", "/v1/incidents/{incident_id}",
        "/v1/incidents/{incident_id}/acknowledge", "/v1/quarantine", "/v1/quarantine/{record_id}",
        "/v1/quarantine/replay", "/v1/quarantine/drop", "/healthz", "/metrics"}  # fmt: skip
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
    described = json.dumps(document)
    references = set(re.findall(r'"#/components/schemas/(\w+)"', described))
    assert references <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in described
    unusable = document["paths"]["/v1/incidents"]["get"]["responses"]["422"]["content"]["application/json"]["schema"]
    assert unusable == {"$ref": "#/components/schemas/ErrorAnswer"}


def test_every_described_path_is_there(api: Api) -> None:
    values = {"{name}": "flight-delay", "{incident_id}": "3"}
    for path, operations in api.get("/openapi.json").json()["paths"].items():
        for name, value in values.items():
            path = path.replace(name, value)
        for method in operations:
            answer = api.call(method.upper(), path, params={"metric": "auc"}, json={"by": "mira"})
            assert answer.status_code not in (404, 405, 500), (method, path)


def test_the_page_that_explains_the_api_opens(api: Api) -> None:
    assert "swagger" in api.get("/docs").text.lower()
