"""Alembic's entry: run the migrations on the connection of ``schema_revision.upgrade_schema``."""

from alembic import context

from mailer.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
