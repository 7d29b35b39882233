"""What the dashboard says of a model that is new, and of records that were refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from dashboards import data
from monitor.db.database import Database
from monitor.db.quarantine import RefusedRecord, add_refusals
from tests.dashboards.conftest import NOW, Open
from tests.dashboards.seeded_rows import Writer

from .test_pages import text_of, title_of

HOUR = timedelta(hours=1)


def young(path: Path, windows: int = 0) -> Path:
    """A database with one model of ten predictions, the first ten minutes ago."""
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    with database.session() as session:
        writer = Writer.of(session, "young", "binary", HOUR, NOW - timedelta(minutes=10), NOW, 10)
        for index in range(windows):
            writer.point("predictions", NOW - (index + 1) * HOUR, 10.0, 10)
    database.close()
    return path


def test_a_new_model_says_what_it_waits_for(tmp_path: Path, open_page: Open) -> None:
    app = open_page(young(tmp_path / "young.sqlite"), "model")
    assert not app.exception
    assert title_of(app) == "Learning: 10 of 5,000 predictions for its baseline"
    text = text_of(app)
    assert ":gray-badge[:material/school: Learning]" in text
    assert "The first window closes 4 Mar 12:02 UTC." in text
    app.session_state["tab"] = "Versions and baseline"
    assert "No baseline yet: 10 of 5,000 predictions for its baseline" in text_of(app.run())


def test_the_overview_does_not_call_a_new_model_fine(tmp_path: Path, open_page: Open) -> None:
    app = open_page(young(tmp_path / "young.sqlite", windows=1))
    assert title_of(app) == "No model could be judged yet"
    text = text_of(app)
    assert "1 model: 1 learning" in text
    assert ":gray[:small[Per day]]  \n**–**" in text


def test_refused_records_are_one_quiet_line_on_the_overview(tmp_path: Path, open_page: Open) -> None:
    path = young(tmp_path / "young.sqlite")
    assert "quarantine" not in text_of(open_page(path))
    database = Database(f"sqlite:///{path}")
    with database.session() as session:
        refused = [RefusedRecord(at, NOW, "http", "young", "predictions", "no [id]", b"{}") for at in (1, 2)]
        add_refusals(session, "c", refused)
    database.close()
    data.quarantine.clear()
    said = "2 refused records are in quarantine; most often: no [id] (2). See them with `kedge quarantine list`."
    assert said in text_of(open_page(path))


def test_where_every_record_was_refused_the_newcomer_is_told(tmp_path: Path, open_page: Open) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    database.upgrade()
    with database.session() as session:
        add_refusals(session, "c", [RefusedRecord(1, NOW, "http", None, "predictions", "no model", b"{}")])
    database.close()
    app = open_page(tmp_path / "empty.sqlite")
    assert not app.exception
    assert "1 refused record is in quarantine; most often: no model (1)" in text_of(app)
