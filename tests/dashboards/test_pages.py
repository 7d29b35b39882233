"""Each page: what it says, what it says when there is nothing, and what it makes of a broken address."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from monitor.db.database import Database
from monitor.db.models import Incident, Model
from tests.dashboards.conftest import NOW, Open

PAGES = ("overview", "model", "drift", "incidents", "incident")


def text_of(app: AppTest) -> str:
    """Everything a reader sees as text."""
    parts = [*app.title, *app.header, *app.subheader, *app.markdown, *app.caption, *app.code, *app.warning]
    return "\n".join(unescaped(str(part.value)) for part in parts)


def title_of(app: AppTest) -> str:
    return unescaped(app.title[0].value)


def unescaped(markdown: str) -> str:
    """Markdown without the backslashes that make its characters plain."""
    return re.sub(r"\\(.)", r"\1", markdown)


def test_the_overview_lists_the_worst_model_first_and_the_open_incidents(control: Path, open_page: Open) -> None:
    app = open_page(control)
    assert not app.exception
    assert title_of(app) == "2 models need a look"
    text = text_of(app)
    assert "5 models: 1 critical, 1 warning, 1 no data, 2 OK · data as of 4 Mar 2026 12:00 UTC" in text
    captions = [unescaped(caption.value) for caption in app.caption]
    assert captions[1] == "AUC 0.68, expected at least 0.76, since 4 Mar 06:00 UTC"
    assert [header.value for header in app.subheader] == ["Open incidents"]
    assert "acknowledged by mira" in text


def test_the_overview_says_so_when_nothing_is_wrong(control: Path, open_page: Open) -> None:
    database = Database(f"sqlite:///{control}")
    with database.session() as session:
        for incident in session.query(Incident):
            incident.state = "resolved"
        session.query(Model).filter_by(name="recommender").delete()
    database.close()
    app = open_page(control)
    assert title_of(app) == "Nothing is wrong"
    assert "No incident is open" in text_of(app)


def test_a_newcomer_is_taught_how_to_send_the_first_record(tmp_path: Path, open_page: Open) -> None:
    for page in ("overview", "model", "drift"):
        app = open_page(tmp_path / "empty.sqlite", page)
        assert not app.exception
        assert app.subheader[0].value == "No predictions have arrived yet"
        assert "curl http://127.0.0.1:8600/v1/predictions" in app.code[0].value
        assert app.code[1].value == "kedge demo"


def test_the_model_page_opens_with_the_headline_and_four_cards(control: Path, open_page: Open) -> None:
    app = open_page(control, "model", model="flight-delay")
    assert not app.exception
    assert title_of(app) == "2 of 15 features drifted: temp, dewp, since 13 Feb 00:00 UTC"
    cards = {metric.label: (metric.value, metric.delta) for metric in app.metric}
    assert cards["Drifted features"] == ("2 of 15", "▲ 13 % of the features")
    assert cards["AUC"][1] == "expected at least 0.66"
    assert cards["Latency p95"][1] == "expected at most 60 ms"
    assert len(cards) == 4
    tabs = ["Timeline", "Performance", "Data quality", "Segments", "Service", "Incidents", "Versions and baseline"]
    assert [tab.label for tab in app.tabs] == tabs


def test_the_model_page_of_a_model_without_data_is_grey_and_not_red(control: Path, open_page: Open) -> None:
    app = open_page(control, "model", model="recommender")
    assert not app.exception
    text = text_of(app)
    assert title_of(app) == "No predictions yet"
    assert ":gray-badge[:material/help: No data]" in text
    assert ":red" not in text
    assert "It is computed once labels arrive" in text


def test_without_a_model_in_the_address_the_worst_one_is_shown_and_put_there(control: Path, open_page: Open) -> None:
    app = open_page(control, "model")
    assert app.selectbox[0].value == "churn"
    assert app.query_params["model"] in ("churn", ["churn"])
    assert not app.warning


def test_choosing_another_model_changes_the_address(control: Path, open_page: Open) -> None:
    app = open_page(control, "model", model="churn", from_="-24h")
    app.selectbox[0].set_value("fraud-score").run()
    assert not app.exception
    assert app.query_params["model"] in ("fraud-score", ["fraud-score"])
    assert "from" not in app.query_params
    assert title_of(app) == "Nothing is wrong: AUC 0.94, expected at least 0.90"


def test_choosing_a_version_shows_the_time_it_served(control: Path, open_page: Open) -> None:
    app = open_page(control, "model", model="flight-delay")
    app.selectbox[1].set_value("2").run()
    assert not app.exception
    assert app.query_params["version"] in ("2", ["2"])
    assert app.selectbox[2].value == "custom"
    app.selectbox[1].set_value("").run()
    assert "version" not in app.query_params


def test_choosing_a_range_is_kept_in_the_address(control: Path, open_page: Open) -> None:
    app = open_page(control, "model", model="flight-delay")
    app.selectbox[2].set_value(app.session_state["range_box"] / 2).run()
    assert not app.exception
    assert app.query_params["from"] in ("-30d", ["-30d"])


def test_the_drift_page_ranks_features_and_shows_the_worst_in_full(control: Path, open_page: Open) -> None:
    app = open_page(control, "drift", model="flight-delay")
    assert not app.exception
    assert title_of(app) == "2 of 15 features drifted"
    table = app.dataframe[0].value
    assert list(table["Feature"][:2]) == ["temp", "dewp"]
    assert list(table["Verdict"][:3]) == ["▲ drifted", "▲ drifted", "● stable"]
    assert table["For"][0] == "18 windows"
    assert app.subheader[0].value == "temp"
    assert app.query_params["feature"] in ("temp", ["temp"])


def test_the_drift_page_opens_the_window_and_feature_of_the_address(control: Path, open_page: Open) -> None:
    app = open_page(control, "drift", model="flight-delay", window="2026-02-15T00:00Z", feature="carrier")
    assert title_of(app) == "1 of 15 features drifted"
    assert app.subheader[0].value == "carrier"
    app.button[0].click().run()
    assert not app.exception
    assert app.query_params["window"] in ("2026-02-14T00:00Z", ["2026-02-14T00:00Z"])
    assert app.subheader[0].value == "carrier"


def test_the_drift_page_of_a_model_without_windows_says_what_is_missing(control: Path, open_page: Open) -> None:
    app = open_page(control, "drift", model="recommender")
    assert not app.exception
    assert title_of(app) == "No drift has been measured yet"
    assert "first closed window" in text_of(app)


def test_the_incidents_page_has_open_ones_first(control: Path, open_page: Open) -> None:
    app = open_page(control, "incidents")
    assert not app.exception
    assert title_of(app) == "2 incidents are open"
    assert app.subheader[0].value == "Resolved"
    app.selectbox[0].set_value("fraud-score").run()
    assert title_of(app) == "No incident is open"
    assert app.query_params["model"] in ("fraud-score", ["fraud-score"])


def test_an_incident_shows_its_timeline_messages_and_the_words_of_the_guard(control: Path, open_page: Open) -> None:
    app = open_page(control, "incident", incident="1")
    assert not app.exception
    assert title_of(app) == "AUC 0.51, expected at least 0.66"
    text = text_of(app)
    assert "**Acknowledged** by mira" in text
    assert "Blocked by its guard" in text
    assert "cooldown: the last run for flight-delay was 20 min ago" in text
    assert "verified by the metrics 9 Feb 2026 00:00 UTC" in text
    assert "AUC went from 0.72 to 0.51" in app.info[0].value
    assert app.dataframe[0].value.to_dict("records") == [
        {"Column": "temp", "Drift": 0.6, "Importance": 0.71, "Why": "moved up: median 38 → 100"}]  # fmt: skip
    assert list(app.dataframe[1].value["Why"]) == [
        "first notification", "silenced by jo until 09:00 UTC: planned rollout", "resolved"]  # fmt: skip


@pytest.mark.parametrize(("incident", "title"), [("999", "There is no incident 999"), ("", "No incident was chosen")])
def test_an_incident_that_does_not_exist_is_said_to(control: Path, open_page: Open, incident: str, title: str) -> None:
    app = open_page(control, "incident", incident=incident)
    assert not app.exception
    assert title_of(app) == title


@pytest.mark.parametrize("page", ["model", "drift", "incidents"])
def test_an_unknown_model_is_said_to_be_and_no_other_is_shown(control: Path, open_page: Open, page: str) -> None:
    app = open_page(control, page, model="nope")
    assert not app.exception
    assert app.warning[0].value == "There is no model `nope`. Choose one of those there are."
    assert "AUC" not in text_of(app)
    assert (len(app.title), len(app.metric), len(app.dataframe)) == (0, 0, 0)
    app.selectbox[0].set_value("fraud-score").run()
    assert not app.exception
    assert not app.warning
    assert app.query_params["model"] in ("fraud-score", ["fraud-score"])


@pytest.mark.parametrize("page", PAGES)
def test_a_broken_address_breaks_no_page(control: Path, open_page: Open, page: str) -> None:
    broken = {"model": "a`b", "from_": "-99999999999w", "to": "yesterday", "window": "<script>", "incident": "-1"}
    app = open_page(control, page, feature="%00", **broken)
    assert not app.exception


@pytest.mark.parametrize("page", ["model", "drift"])
def test_a_window_and_a_version_that_do_not_exist_fall_back_with_a_notice(
    control: Path, open_page: Open, page: str
) -> None:
    app = open_page(control, page, model="flight-delay", version="9", window="2020-01-01T00:00Z", feature="nope")
    assert not app.exception
    notices = [warning.value for warning in app.warning]
    assert notices[0] == "`flight-delay` has no version `9`; showing all versions."
    if page == "drift":
        assert notices[1:] == [
            "No window with drift scores starts at 1 Jan 2020 00:00 UTC; showing the latest.",
            "There is no feature `nope`; showing `temp`.",
        ]


def test_a_range_without_data_says_so(control: Path, open_page: Open) -> None:
    app = open_page(control, "model", model="flight-delay", from_="2020-01-01T00:00Z", to="2020-01-02T00:00Z")
    assert not app.exception
    assert "No AUC in this range" in text_of(app)
    assert "No window in this range" in text_of(app)


def test_names_and_reasons_from_outside_are_never_taken_for_markup(control: Path, open_page: Open) -> None:
    database = Database(f"sqlite:///{control}")
    with database.session() as session:
        incident = session.query(Incident).filter_by(state="open").one()
        incident.evidence = {**incident.evidence, "summary": "<b>bold</b> [link](http://example.org) :red[x]"}
        session.add(Model(name="new/one", created_at=NOW))
    database.close()
    app = open_page(control, "incident", incident=str(3))
    assert not app.exception
    assert "[link](" not in app.title[0].value
    assert "\\<b\\>" in app.title[0].value


def test_a_message_that_fails_shows_its_last_result_and_next_attempt(control: Path, open_page: Open) -> None:
    table = open_page(control, "incident", incident="2").dataframe[1].value
    rows = {row["Channel"]: row for row in table.to_dict("records")}
    assert (rows["team-webhook"]["State"], rows["team-webhook"]["Attempts"]) == ("▲ failed", 5)
    assert (rows["team-webhook"]["Last result"], rows["team-webhook"]["Next attempt"]) == (
        "503 Service Unavailable", "–")  # fmt: skip
    assert rows["pager"]["Last result"] == "timed out after 20 s"
    assert rows["pager"]["Next attempt"] == "15 Feb 2026 00:03 UTC"
