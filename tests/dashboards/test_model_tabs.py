"""The model page's tabs: segments, data quality, estimates, fairness, objectives, and what stands in for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from monitor.db.database import Database
from monitor.db.models import Incident, MetricPoint, Monitor
from tests.dashboards.conftest import NOW, Open
from tests.dashboards.seeded_slices import SLO_WORDS, seed_slices
from tests.dashboards.test_pages import text_of, title_of


@pytest.fixture
def sliced(control: Path) -> Path:
    seed_slices(control, NOW)
    return control


def open_tab(open_page: Open, control: Path, tab: str, model: str = "churn") -> AppTest:
    app = open_page(control, "model", model=model)
    app.session_state["tab"] = tab
    app.run()
    assert not app.exception
    return app


def test_segments_in_breach_come_first_and_are_named_with_what_is_wrong(sliced: Path, open_page: Open) -> None:
    app = open_tab(open_page, sliced, "Segments")
    table = app.dataframe[0].value
    assert list(table["Segment"]) == ["region=eu", "region=us"]
    assert list(table["Verdict"]) == ["▲ AUC", "● ok"]
    assert list(table["AUC"]) == [0.61, 0.78]
    assert "1 of 2 segments in breach" in text_of(app)
    assert app.subheader[0].value == "region=eu"


def test_a_model_without_segments_is_told_how_to_name_them(control: Path, open_page: Open) -> None:
    text = text_of(open_tab(open_page, control, "Segments", "house-price"))
    assert "No segments" in text
    assert "[monitoring.segments]" in text


def test_findings_are_listed_each_in_its_own_unit(sliced: Path, open_page: Open) -> None:
    app = open_tab(open_page, sliced, "Data quality")
    assert app.dataframe[0].value.to_dict("records") == [
        {"What": "income", "Finding": "missing", "Value": "20.0 %", "Limit": "3.0 %", "Why": "missing: 1.0% → 20.0%"},
        {"What": "freshness", "Finding": "freshness", "Value": "2 h", "Limit": "15 min", "Why": "rows come late"},
    ]
    features = app.dataframe[1].value
    assert list(features["Feature"]) == ["income", "age"]
    assert "1 of 2 columns look broken: income" in text_of(app)


def test_without_data_quality_the_page_says_when_it_comes(control: Path, open_page: Open) -> None:
    assert "No data quality yet" in text_of(open_tab(open_page, control, "Data quality", "house-price"))


def test_an_estimate_is_drawn_beside_what_labels_showed(sliced: Path, open_page: Open) -> None:
    assert "dashed: as estimated before labels came" in text_of(open_tab(open_page, sliced, "Performance"))


def test_until_labels_come_the_estimate_sums_the_model_up(sliced: Path, open_page: Open) -> None:
    database = Database(f"sqlite:///{sliced}")
    with database.session() as session:
        session.query(MetricPoint).filter_by(metric="auc").delete()
    database.close()
    app = open_page(sliced, "model", model="churn")
    assert {metric.label: metric.value for metric in app.metric}["Estimated AUC"] == "0.77"


def test_groups_are_shown_with_the_reason_where_they_are_not_compared(sliced: Path, open_page: Open) -> None:
    table = open_tab(open_page, sliced, "Performance").dataframe[0].value
    assert list(table["Group"]) == ["sex=m", "sex=f", "sex=x"]
    assert list(table["Note"]) == ["", "", "7 rows, 30 needed"]


def test_an_objective_shows_its_budget_and_how_fast_it_is_spent(sliced: Path, open_page: Open) -> None:
    app = open_tab(open_page, sliced, "Service")
    (row,) = app.dataframe[0].value.to_dict("records")
    assert (row["Objective"], row["Verdict"], row["Budget left"]) == ("available", "▲ critical", "83.0 %")
    assert row["Spent"] == "15 x as fast as it may be"
    assert SLO_WORDS in text_of(app)


def test_a_model_that_promises_nothing_shows_no_objectives(control: Path, open_page: Open) -> None:
    assert [header.value for header in open_tab(open_page, control, "Service").subheader] == []


def test_an_incident_of_a_segment_names_it_and_shows_that_segments_values(sliced: Path, open_page: Open) -> None:
    database = Database(f"sqlite:///{sliced}")
    with database.session() as session:
        monitor = session.query(Monitor).filter_by(name="auc_by_segment").one()
        incident = session.query(Incident).filter_by(state="open").one()
        incident.monitor_id, incident.segment = monitor.id, "region=eu"
        number = incident.id
    database.close()
    app = open_page(sliced, "incident", incident=str(number))
    assert not app.exception
    assert title_of(app).startswith("region=eu: AUC 0.68")
    assert "**AUC**" in text_of(app)
    assert "No points of this metric" not in text_of(app)


@pytest.mark.parametrize("metric", ["data_quality", "slo_burn"])
def test_an_incident_of_a_metric_without_points_has_its_chart(sliced: Path, open_page: Open, metric: str) -> None:
    database = Database(f"sqlite:///{sliced}")
    with database.session() as session:
        monitor = session.query(Monitor).filter_by(metric=metric).one()
        incident = session.query(Incident).filter_by(state="open").one()
        incident.monitor_id, incident.metric = monitor.id, metric
        number = incident.id
    database.close()
    app = open_page(sliced, "incident", incident=str(number))
    assert not app.exception
    assert "No points of this metric" not in text_of(app)
