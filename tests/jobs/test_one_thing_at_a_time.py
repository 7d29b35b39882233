"""What one incident tells already is not told by another."""

from __future__ import annotations

from monitor.jobs import incident_job
from monitor.records import PredictionRecord
from tests.jobs.site import HOUR, START, Site
from tests.jobs.traffic import hour, hours, labels, settled

CALM = 8


def without_ages(index: int, share: float = 0.5) -> list[PredictionRecord]:
    """An hour in which some rows have lost a feature."""
    records = hour(index)
    for record in records[: int(share * len(records))]:
        record.features = {**record.features, "age": None}
    return records


def go_on(site: Site, index: int, records: list[PredictionRecord]) -> None:
    site.send(records, settled(index))
    site.work(settled(index))


def test_a_column_that_looks_broken_is_one_incident_and_not_drift_as_well(site: Site) -> None:
    site.send(hours(0, CALM), settled(CALM - 1))
    site.work(settled(CALM - 1))
    for index in range(8, 12):
        go_on(site, index, without_ages(index))
    [incident] = site.incidents()
    assert (incident.metric, incident.since) == ("data_quality", START + 8 * HOUR)
    assert incident.title == "churn: data looks broken: age, duplicates"
    [finding] = [column for column in incident.evidence["columns"] if column["name"] == "age"]
    assert finding["kind"] == "missing"
    assert {e.verdict for e in site.evaluations("feature_drift")[-4:]} == {"breach"}


def test_drift_of_another_column_is_told_all_the_same(site: Site) -> None:
    site.send(hours(0, CALM), settled(CALM - 1))
    site.work(settled(CALM - 1))
    for index in range(8, 12):
        records = without_ages(index)
        for record in records[:-4]:
            record.features = {**record.features, "plan": "paid"}
        go_on(site, index, records)
    assert {incident.metric for incident in site.incidents()} >= {"data_quality", "drift"}


def test_an_estimate_waits_for_the_metric_it_estimates() -> None:
    assert incident_job.realised_metric("estimated_accuracy") == "accuracy"
    assert incident_job.realised_metric("accuracy") == "accuracy"


def test_labels_that_show_a_fall_are_told_once(site: Site) -> None:
    site.send(hours(0, CALM), settled(CALM - 1))
    site.label(labels(hours(0, CALM)), settled(CALM - 1))
    site.work(settled(CALM - 1))
    site.send(hours(8, 10), settled(9))
    site.label(labels(hours(8, 10), right=0.4), settled(9))
    site.work(settled(9))
    metrics = [incident.metric for incident in site.incidents()]
    assert len(metrics) == len(set(metrics)) <= 1
