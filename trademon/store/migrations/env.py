"""Alembic's environment: it runs on the connection that `database.migrate` hands over, inside its transaction."""

from alembic import context

from trademon.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    transaction_per_migration=False,
    render_as_batch=connection.dialect.name == "sqlite",
)
context.run_migrations()
