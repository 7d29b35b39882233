"""Runs the migrations, on the connection Kedge passes in or on KEDGE_DATABASE_URL."""

from alembic import context

from monitor.config import load_settings
from monitor.db.database import Database
from monitor.db.models import Base


def run(connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Database(load_settings().control_url).engine.begin() as connection:
        run(connection)
