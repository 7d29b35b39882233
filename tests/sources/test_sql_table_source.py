"""Tables of any database, on SQLite and on PostgreSQL: each row once, and nothing is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from monitor.db.database import Database
from monitor.errors import ConfigError, Unavailable
from monitor.lake import Kind
from tests.sources.conftest import Clock, MakeReading

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


class Shop:
    """A database with a table of somebody else's."""

    def __init__(self, db: Database) -> None:
        self.url = db.url.render_as_string(hide_password=False)
        self.run(
            "CREATE TABLE scored (id INTEGER PRIMARY KEY, customer TEXT, amount NUMERIC(8, 2), p REAL, at TIMESTAMP)"
        )

    def run(self, statement: str, rows: list[dict[str, Any]] | None = None) -> None:
        engine = create_engine(self.url)
        with engine.begin() as connection:
            connection.execute(text(statement), rows or [{}])
        engine.dispose()

    def add(self, *ids: int, at: datetime = NOW - timedelta(hours=1)) -> None:
        rows = [{"id": id, "c": f"c{id}", "a": 1.5 * id, "p": 0.5, "at": at.replace(tzinfo=None)} for id in ids]
        self.run("INSERT INTO scored VALUES (:id, :c, :a, :p, :at)", rows)


@pytest.fixture
def shop(db: Database) -> Shop:
    return Shop(db)


FIELDS = {"prediction_id": "id", "entity_id": "customer", "score": "p", "event_time": "at"}


def test_rows_are_read_in_order_and_new_ones_once(shop: Shop, reading: MakeReading) -> None:
    shop.add(1, 2, 3)
    settings: dict[str, Any] = {"table": "scored", "cursor": "id", "fields": FIELDS, "batch_rows": 2}
    source = reading("sql_table", format="arrow", url=shop.url, **settings)
    assert source.read() == ["1", "2", "3"]
    shop.add(4)
    source.restart()
    assert source.read() == ["1", "2", "3", "4"]
    first = source.records()[0]
    assert (first.entity_id, first.score, first.features) == ("c1", 0.5, {"amount": 1.5})


def test_rows_of_one_time_are_never_taken_apart(shop: Shop, reading: MakeReading, clock: Clock) -> None:
    shop.add(1, 2, 3, 4, 5, at=NOW - timedelta(hours=3))
    shop.add(6, at=NOW - timedelta(hours=2))
    query = "SELECT id AS prediction_id, p AS score, at AS event_time FROM scored"
    source = reading("sql_table", format="arrow", url=shop.url, query=query, cursor="event_time", batch_rows=2)
    assert sorted(source.read()) == ["1", "2", "3", "4", "5", "6"]
    assert sorted(source.read()) == ["1", "2", "3", "4", "5", "6"]


def test_the_youngest_rows_wait_for_slower_transactions(reading: MakeReading, clock: Clock, postgres_url: str) -> None:
    from tests.conftest import _new_postgres_database

    shop = Shop(Database(_new_postgres_database(postgres_url)))
    shop.add(1, at=clock.now - timedelta(seconds=60))
    shop.add(3, at=clock.now - timedelta(seconds=1))
    source = reading(
        "sql_table", format="arrow", url=shop.url, table="scored", cursor="at", fields={"prediction_id": "id"}
    )
    assert source.read() == ["1"]
    shop.add(2, at=clock.now - timedelta(seconds=2))
    clock.now += timedelta(seconds=30)
    assert source.read() == ["1", "2", "3"]


def test_a_row_number_is_no_feature(shop: Shop, reading: MakeReading) -> None:
    shop.run("CREATE TABLE log (n INTEGER, call TEXT, age INTEGER)")
    shop.run("INSERT INTO log VALUES (1, 'p-1', 39)")
    source = reading(
        "sql_table", format="arrow", url=shop.url, table="log", cursor="n", fields={"prediction_id": "call"}
    )
    assert source.read() == ["p-1"]
    assert source.records()[0].features == {"age": 39}


def test_a_table_of_labels(shop: Shop, reading: MakeReading) -> None:
    shop.run("CREATE TABLE outcomes (n INTEGER, call TEXT, churned INTEGER)")
    shop.run("INSERT INTO outcomes VALUES (1, 'p-1', 1), (2, 'p-2', 0)")
    query = "SELECT n, call AS prediction_id, churned AS label FROM outcomes"
    source = reading("sql_table", format="arrow", url=shop.url, query=query, cursor="n", labels=True)
    source.read()
    assert sorted(source.ids(Kind.LABELS)) == ["p-1", "p-2"]


def test_nothing_is_written_by_a_query(shop: Shop, reading: MakeReading) -> None:
    shop.add(1)
    source = reading("sql_table", url=shop.url, query="DELETE FROM scored RETURNING id", cursor="id")
    with pytest.raises(Unavailable, match="can't be read"):
        source.read()


def test_a_table_that_is_not_there_is_unavailable_and_no_password_is_said(shop: Shop, reading: MakeReading) -> None:
    with pytest.raises(Unavailable, match=r"table 'nope' on .* can't be read"):
        reading("sql_table", url=shop.url, table="nope", cursor="id").read()


def test_settings_that_are_wrong_are_named(
    reading: MakeReading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="either table or query must be set"):
        reading("sql_table", url="sqlite://", cursor="id").read()
    with pytest.raises(ConfigError, match="url is not a database address"):
        reading("sql_table", url="nonsense", cursor="id", table="t").read()
    monkeypatch.setenv("SHOP_URL", f"sqlite:///{tmp_path / 'nope.sqlite'}")
    with pytest.raises(Unavailable, match=r"nope\.sqlite' does not exist"):
        reading("sql_table", url="env:SHOP_URL", cursor="id", table="t").read()
